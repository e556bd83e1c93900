-- No query looks outcomes up by version any more: the index would only cost every insert.

drop index outcomes_version;
