"""Every kind of event that is written has words on the audit log's page; and no words are for a kind nobody writes."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from itertools import product
from pathlib import Path

import pytest

import agent
import channels
import jobs
from channels.inbox.audit_words import FAMILIES, KINDS, Named, list_families, name_kind
from channels.inbox.sentences import say
from channels.inbox.timeline_view import DEEDS

ROOT = Path(agent.__file__ or "").parents[1]
PACKAGES = tuple(Path(package.__file__ or "").parent for package in (agent, channels, jobs))
WRITES = re.compile(r"insert\s+into\s+(?:public\.)?events\b", re.IGNORECASE)
WRITES_KIND = re.compile(
    WRITES.pattern + r"\s*\(tenant_id, kind,[^)]*\)\s*values\s*\([\w.]+, '([a-z_.]+)'", re.IGNORECASE
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Source:
    """A module that records events. What a name stands for is looked up wherever the module says it."""

    path: Path
    tree: ast.Module

    @cached_property
    def functions(self) -> Mapping[int, Function]:
        """By what is in it: the innermost function around a node."""
        found = {}
        for function in ast.walk(self.tree):
            if isinstance(function, Function):
                found.update({id(node): function for node in ast.walk(function)})
        return found

    def calls(self, name: str) -> Iterator[ast.Call]:
        """Yield the calls of a function."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == name:
                yield node

    def texts(self, node: ast.expr) -> set[str]:
        """Return all texts that an expression may be; an error tells of one this does not understand."""
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.IfExp(body=one, orelse=other):
                return self.texts(one) | self.texts(other)
            case ast.FormattedValue(value=inner):
                return self.texts(inner)
            case ast.JoinedStr(values=parts):
                return {"".join(each) for each in product(*(self.texts(part) for part in parts))}
            case ast.Name(id=name):
                found = set().union(*(self.texts(each) for each in self._given(name, self.functions.get(id(node)))))
            case ast.Attribute(attr=name):
                found = set().union(*(self.texts(each) for each in self._annotated(name, self.tree)))
            case _:
                found = set()
        assert found, f"{self.path}:{node.lineno}: what {ast.unparse(node)} may be is not known here"
        return found

    def _given(self, name: str, function: Function | None) -> Iterator[ast.expr]:
        """Yield what a name is given in a function, by its callers, or in the module."""
        scope: ast.AST = function or self.tree
        given = [*self._annotated(name, scope)]
        if not given:
            given = [*self._assigned(name, scope), *(self._passed(name, function) if function else ())]
        given = given or [*self._assigned(name, self.tree)]
        yield from given or self._imported(name)

    @staticmethod
    def _annotated(name: str, scope: ast.AST) -> Iterator[ast.expr]:
        """Yield what a `Literal` says that a name, a parameter or a field may be."""
        for node in ast.walk(scope):
            said = getattr(getattr(node, "target", None), "id", getattr(node, "arg", None))
            match getattr(node, "annotation", None):
                case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Tuple(elts=texts)) if said == name:
                    yield from texts

    @staticmethod
    def _assigned(name: str, scope: ast.AST) -> Iterator[ast.expr]:
        for node in ast.walk(scope):
            match node:
                case ast.Assign(targets=[ast.Name(id=said)], value=value) if said == name:
                    yield value
                case ast.For(target=ast.Tuple(elts=names), iter=ast.Tuple(elts=rows)):
                    for at, each in enumerate(names):
                        if isinstance(each, ast.Name) and each.id == name:
                            yield from (row.elts[at] for row in rows if isinstance(row, ast.Tuple))

    def _passed(self, name: str, function: Function) -> Iterator[ast.expr]:
        names = [each.arg for each in function.args.args]
        for call in self.calls(function.name):
            yield from (each.value for each in call.keywords if each.arg == name)
            if name in names and len(call.args) > names.index(name):
                yield call.args[names.index(name)]

    def _imported(self, name: str) -> Iterator[ast.expr]:
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and name in {each.name for each in node.names}:
                yield ast.Constant(getattr(import_module(node.module or ""), name))


def read_sources() -> Iterator[Source]:
    """Yield the modules that record events of tenants."""
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            text = path.read_text("utf-8")
            if "insert_event(" in text:
                yield Source(path=path.relative_to(ROOT), tree=ast.parse(text))


def find_written() -> Mapping[str, str]:
    """Return every kind of event that is written, and where."""
    written: dict[str, str] = {}
    for source in read_sources():
        for call in source.calls("insert_event"):
            for kind in source.texts(call.args[2]):
                written.setdefault(kind, str(source.path))
    for path in sorted((ROOT / "supabase" / "migrations").glob("*.sql")):
        sql = path.read_text("utf-8")
        kinds = WRITES_KIND.findall(sql)
        assert len(kinds) == len(WRITES.findall(sql)), f"{path.name} writes an event in a way not understood here"
        written |= dict.fromkeys(kinds, path.name)
    return written


def test_every_kind_that_is_written_has_words_and_no_other_has() -> None:
    written = find_written()
    assert {kind: where for kind, where in written.items() if kind not in KINDS} == {}
    assert KINDS.keys() - written.keys() == set()
    assert FAMILIES.keys() == {kind.partition(".")[0] for kind in written}
    assert {"media.refused", "mail.complaint", "presence.asked", "models.spend_cap", "events.pruned"} < written.keys()


def test_python_writes_events_by_one_function_only() -> None:
    paths = [path for package in PACKAGES for path in package.rglob("*.py") if WRITES.search(path.read_text("utf-8"))]
    assert [path.relative_to(ROOT).as_posix() for path in paths] == ["agent/store/events.py"]


def test_what_the_timeline_has_words_for_is_said_in_the_same_words() -> None:
    assert [kind for kind in DEEDS if kind in KINDS and KINDS[kind] != DEEDS[kind][0]] == []


@pytest.mark.parametrize("language", ["en", "es", "pt"])
def test_no_two_kinds_and_no_two_families_are_called_the_same(language: str) -> None:
    for words in (KINDS, FAMILIES):
        said = {say(word, language).casefold() for word in words.values()}  # type: ignore[arg-type]  # they are languages
        assert len(said) == len(words)


def test_kinds_are_in_families_in_the_order_of_their_words_and_an_unknown_one_has_its_code() -> None:
    kinds = ("old.kind", "conversation.labelled", "conversation.assigned", "member.added")

    families = list_families(kinds, lambda message: say(message, "es"))

    assert [(each.named.word, [kind.word for kind in each.kinds]) for each in families] == [
        ("Conversaciones", ["Añadió la etiqueta", "Asignó la conversación"]),
        ("Miembros", ["Añadió a un miembro"]),
        ("old", ["old.kind"]),
    ]
    assert name_kind("old.kind", str.upper) == Named(code="old.kind", word="old.kind")
