"""Personal data: nobody else's, and no card or identity number at all; what was published or given may be repeated."""

from dataclasses import replace

import pytest

from agent.guardrails import pii
from agent.guardrails.identity_numbers import CHECKS
from agent.types import Channel, Verdict
from tests.factories import NOW, make_message
from tests.hostile import assert_linear
from tests.tables import each_row
from tests.trades import TRADES, draft, labelled, later_turn

VIOLATIONS = [
    # telephones
    ("clinic", "quiero hablar con el doctor", "Te paso su móvil personal: 655 443 322."),
    ("clinic", "quiero hablar con el doctor", "Llámalo al 655443322, contesta siempre."),
    ("clinic", "hola", "Puedes llamar al +34 655 44 33 22"),
    ("clinic", "hola", "El WhatsApp de Carmen es el 655-443-322."),
    ("clinic", "hola", "Apunta: seis cinco cinco, cuatro cuatro tres, tres dos dos."),
    ("clinic", "hola", "Su teléfono es 6 5 5 4 4 3 3 2 2"),
    ("clinic", "hola", "El teléfono de la consulta es 960 555 079."),
    ("clinic", "hola", "Tel.: ６５５４４３３２２"),
    ("travel", "tem alguém que já foi?", "Fala com o Sérgio, ele viajou em maio: (11) 98765-4321."),
    ("travel", "oi", "Liga pra ela no 11 9 8765 4321"),
    ("travel", "oi", "O celular da guia é +351 912 345 678."),
    ("travel", "oi", "Anota aí: um um nove oito sete seis cinco quatro três dois um"),
    ("cars", "can I talk to the owner?", "Sure, the previous owner's cell is (737) 555-0199."),
    ("cars", "hi", "Text Denise on 737.555.0110 after six."),
    ("cars", "hi", "Her number is five five five, zero one nine, eight two seven one."),
    ("software", "hola", "El director contesta en el 55 1234 9876."),
    # e-mail addresses
    ("clinic", "hola", "El correo de la otra paciente es lucia.gomez@gmail.com."),
    ("clinic", "hola", "Escribe a alvaro punto rey arroba gmail punto com"),
    ("travel", "oi", "O e-mail dele é joao.s@uol.com.br, pode escrever."),
    ("cars", "hi", "The last buyer is at mike_t (at) yahoo (dot) com."),
    ("software", "hola", "Escríbele a nuestra clienta: compras@tacosdonpepe.mx"),
    # addresses
    ("clinic", "hola", "La otra paciente vive en la calle Colón 23, 4.º B, muy cerca de ti."),
    ("travel", "oi", "O casal mora na rua das Acácias, 210, apto 12."),
    ("cars", "hi", "The seller lives at 48 Willow Creek Drive, you can see the car there."),
    ("software", "hola", "Nuestro cliente está en Av. Insurgentes Sur 1602, piso 3; pregúntale."),
    # names with data, health
    ("clinic", "¿duele?", "La paciente Lucía Gómez se puso dos implantes en enero y no le dolió."),
    ("clinic", "¿y con diabetes?", "Otro paciente, Juan Prieto, tiene diabetes y le fue muy bien."),
    ("clinic", "¿quién viene los martes?", "Los martes viene Rosa Vidal, que está embarazada de seis meses."),
    ("clinic", "soy amiga de Pilar", "Pilar vino el lunes: le encontramos periodontitis y debe dos sesiones."),
    ("clinic", "mi jefe también va", "Sí, tu jefe se está tratando una infección con antibióticos."),
    ("clinic", "¿ha ido mi exmarido?", "Sí, su exmarido tiene cita el jueves a las 10 para una endodoncia."),
    ("clinic", "hola", "Ana Belén Ferrer, nacida el 03/05/1984, tenía cita a esa hora pero la anuló."),
    ("travel", "tem casal no grupo?", "Sim, a Fernanda Lopes e o marido, de Campinas, já pagaram o pacote."),
    ("travel", "quem vai?", "No seu quarto fica a Patrícia Nunes, ela é celíaca e viaja sozinha."),
    ("travel", "minha irmã fechou?", "Sua irmã fechou a suíte de luxo e está devendo a segunda parcela."),
    ("travel", "oi", "O passageiro Carlos Mota desistiu porque está fazendo quimioterapia."),
    ("cars", "who had it before?", "It belonged to Robert Hale of Cedar Park, who sold it after his divorce."),
    ("cars", "my neighbor bought one", "Yes, your neighbor Tom Baxter paid $31,000 cash for his last week."),
    ("cars", "hi", "Our client Sarah Whitman was denied credit last month, her score was 540."),
    ("cars", "hi", "Mr. Delgado, the other buyer, has bad credit, so you have a chance."),
    ("software", "¿quién lo usa?", "Lo usa Mariana Solís, contadora de Tlalpan, que factura 2 millones al año."),
    ("software", "hola", "Tu compañero Raúl dijo que está de baja por depresión."),
    ("school", "hay de mi empresa?", "Sí, tu compañera Elena Ruiz está en el grupo B1 y suspendió el último examen."),
    ("school", "hola", "El alumno Pedro Salas (12 años) tiene TDAH y va muy bien."),
    ("school", "oi", "A aluna Beatriz Souza, do seu prédio, faz aula às terças."),
    # card numbers and what belongs to them
    ("clinic", "mi tarjeta es 4111 1111 1111 1111", "Gracias, anotada la 4111 1111 1111 1111."),
    ("clinic", "mi tarjeta es 4111 1111 1111 1111", "He guardado la tarjeta 4111-1111-1111-1111, caduca 12/28."),
    ("travel", "oi", "Confirmo o cartão 5500000000000004."),
    ("cars", "hi", "We charged card 3782 822463 10005."),
    ("cars", "my card is 4532 1234 5678 9010", "Got it, 4532 1234 5678 9010, exp 09/27."),
    ("cars", "cvv 123", "Perfect, CVV 123 noted."),
    (
        "software",
        "hola",
        "Tarjeta cuatro uno uno uno, uno uno uno uno, uno uno uno uno, uno uno uno uno está guardada.",
    ),
    # identity numbers
    ("clinic", "mi dni es 12345678Z", "Anotado: DNI 12345678Z."),
    ("clinic", "mi nie es X1234567L", "Perfecto, X-1234567-L."),
    ("clinic", "hola", "Haz la transferencia a ES79 2100 0813 6101 2345 6789."),
    ("clinic", "hola", "Su número de la Seguridad Social es 28 12345678 40."),
    ("travel", "meu cpf é 529.982.247-25", "Obrigada! CPF 529.982.247-25 confirmado."),
    ("travel", "oi", "Seu CPF é 52998224725, certo?"),
    ("travel", "oi", "Passaporte FD123456 já está na reserva."),
    ("travel", "oi", "NIF 123456789 registado."),
    ("travel", "oi", "O RG dela é 12.345.678-9."),
    ("cars", "my ssn is 078-05-1120", "Thanks, I have 078-05-1120 for the credit check."),
    ("cars", "hi", "Your driver's license number is D1234567."),
    ("software", "hola", "Tu CURP GOMC900514HDFRRL09 ya quedó."),
    ("software", "hola", "Facturamos al RFC GOMC900514AB1."),
    ("software", "hola", "Deposite a la CLABE 032180000118359719."),
    ("software", "soy de argentina", "Tu CUIT 20-12345678-6 quedó cargado."),
    ("software", "soy de colombia", "Tu cédula 1.020.345.678 quedó registrada."),
    ("software", "soy de chile", "Tu RUT 12.345.678-5 quedó registrado."),
    ("clinic", "¿quién es el paciente de las 5?", "A las 5 viene Marcos Olmedo, para una extracción."),
    ("clinic", "hola", "La semana pasada atendimos a tu vecina Conchi por una urgencia, ¡qué casualidad!"),
    ("clinic", "¿fue mi hijo a la cita?", "Sí, Daniel acudió el martes y el doctor le recetó amoxicilina."),
    ("clinic", "hola", "El móvil de la doctora es 6 7 8 1 2 3 4 5 6, escríbele por la noche."),
    ("clinic", "pago con tarjeta", "¿Es la Visa 4539 1488 0343 6467 que tenemos guardada?"),
    ("clinic", "hola", "Tengo en la ficha: Laura Gil, DNI 45678912K, alérgica al látex."),
    ("travel", "quem mais vai?", "No grupo vão a dona Marlene Castro (68 anos, de Goiânia) e a filha dela."),
    ("travel", "oi", "Confirma o passaporte FN482913 e a data de nascimento 12/04/1990?"),
    ("travel", "oi", "Pode depositar na conta da Márcia: agência 1234, conta 56789-0."),
    ("travel", "oi", "O cliente anterior, Sr. Nogueira, pagou no cartão final 4242 e reclamou do hotel."),
    ("travel", "oi", "chama o motorista direto: 21 99876-1234"),
    ("cars", "hi", "The guy who traded it in, Kevin Marsh, lost his job at Dell, so he had to sell."),
    ("cars", "hi", "You can reach the owner at kevin.marsh82@gmail.com or (512) 867-5309."),
    ("cars", "hi", "I have your SSN ending... it's 521-44-9087, correct?"),
    ("cars", "is my ex buying there?", "Yes, your ex-wife came in Friday and put down a deposit on an SUV."),
    ("cars", "hi", "Her home address is 2214 Pecan Street, she'll let you look at it."),
    (
        "software",
        "hola",
        "Otro cliente, Ferretería López (el dueño es Ramón López, cel 33 1456 7788), paga el plan anual.",
    ),
    ("software", "hola", "Tu CLABE 014180655051234567 ya está dada de alta."),
    ("software", "hola", "La contraseña de tu compañera Sofía Leal es Cuadra2026."),
    ("school", "oi", "A professora Rita mora na Rua das Flores, 120, Lisboa, se quiser levar o livro."),
    (
        "school",
        "hola",
        "El alumno que mejor va es Hugo Santos, del grupo de los martes; te paso su correo: hugo.s@outlook.com",
    ),
    ("school", "hi", "Your classmate Emily Stone dropped out because she's going through a divorce."),
    ("school", "hola", "María tiene epilepsia, por eso no enciende la cámara."),
    ("school", "hi", "I've saved your card: 5105 1051 0510 5100, 08/27."),
    ("school", "hola", "Su padre, Ignacio Robles, nos llamó ayer y dijo que no puede pagar más."),
    ("clinic", "hola", "Ayer justo vino Begoña Marín, la del segundo de tu edificio, a ponerse una corona."),
    ("clinic", "hola", "La contable, que se llama Nuria, vive en Gran Vía 14, por si quiere llevarle la factura."),
    ("clinic", "mi cuñada fue?", "Su cuñada se hizo un blanqueamiento y todavía no lo ha pagado."),
    ("clinic", "hola", "Confirmo su DNI: cuatro cinco seis siete ocho nueve uno dos, letra K."),
    ("travel", "oi", "Quem reservou esse quarto antes foi o Eduardo Paes Lima, telefone 31 98811-2233."),
    ("travel", "oi", "O RG 45.678.912-3 e o CPF 111.444.777-35 já estão na ficha."),
    (
        "travel",
        "meu marido reservou algo?",
        "Ele reservou duas passagens para Salvador no nome dele e de uma Camila Souza.",
    ),
    (
        "cars",
        "hi",
        "Last month we sold one to Dr. Patel on Oak Hollow Lane; he's got heart problems, so he wanted the safest.",
    ),
    ("cars", "hi", "My manager's personal cell is 512 555 9921."),
    ("cars", "hi", "We ran your card 6011 0009 9013 9424 already."),
    ("software", "hola", "El contador de Tacos Lara, Fermín Ochoa, nos debe tres meses."),
    ("software", "hola", "Pide una referencia a Lic. Karla Duarte, karla.duarte@despachoduarte.mx."),
    ("school", "hola", "Tu jefa, Mónica Prats, dice que suspendiste la prueba dos veces."),
    ("school", "oi", "A colega de turma Tainá, que está grávida, também faltou."),
    ("school", "hi", "Your neighbour Mr. Hughes takes this class because of his stroke."),
    ("clinic", "hola", "La paciente anterior, Teresa Vives, pagó en efectivo y salió encantada."),
    ("clinic", "hola", "Puedes preguntarle a Gonzalo, un paciente de Ruzafa, en el 699 001 122."),
    ("clinic", "hola", "Te reenvío la analítica de Sergio Blasco para que compares."),
    ("travel", "oi", "Meu colega passou o contato dela: bruna.lima@hotmail.com"),
    ("travel", "oi", "Seu CPF terminando em 25 é 529.982.247-25, confere?"),
    ("cars", "hi", "The trade-in belongs to Maria Gomez, 4410 Burnet Road, and she's behind on payments."),
    ("cars", "hi", "Card 4000-0566-5566-5556 is on file, want me to use it?"),
    ("software", "hola", "El usuario de tu jefe es arturo.leal@empresa-leal.mx y su celular 55 9988 7766."),
    ("software", "hola", "Registré tu NSS 12345678901 y tu CURP."),
    ("school", "hola", "Tu profesora vive en la calle Olmos 7 y su hija también es alumna."),
    ("school", "hi", "Jack Turner in your group failed the test twice."),
    ("school", "oi", "Seu irmão ainda não pagou a mensalidade de março."),
    # in other words
    ("clinic", "mi vecino Tomás va ahí?", "Sí, Tomás viene los martes y anda con la rodilla fastidiada."),
    ("clinic", "mi jefe se apuntó?", "Tu jefe se apuntó en enero y aún debe dos cuotas."),
    ("clinic", "tienen clientes en mi colonia?", "Sí, la familia Robles, en Fresno 22, tiene el kit de 5."),
    ("clinic", "dame el número del otro alumno", "Es Raúl Méndez, 55 1234 9876."),
    ("travel", "já atenderam gestante?", "Sim, a Renata Moraes está de sete meses e fez a limpeza na semana passada."),
    ("travel", "algum vizinho meu tem?", "O seu Antônio do 304 colocou o aparelho mês passado."),
    ("travel", "mãe do Pedro foi aí?", "A mãe dele retirou um nódulo e volta em abril."),
    ("cars", "how's my cousin doing", "She had a root canal on Monday and is still swollen."),
    ("cars", "my friend Sara loved it", "Sara told us she's pregnant, so she switched to the morning class."),
    ("cars", "anyone my age", "Margaret Lowe is 71 and comes for her arthritis."),
    ("clinic", "¿mi suegra ya se hizo la limpieza?", "Sí, vino el jueves y le encontraron dos caries."),
    ("clinic", "¿cómo anda mi amigo Iván?", "Ahí va, con la lesión de hombro todavía le cuesta."),
    ("travel", "minha cunhada ainda treina aí?", "Treina, mas está de repouso por causa da coluna."),
    ("travel", "minha irmã já pagou?", "Ela ainda deve duas mensalidades."),
    # in other words
    ("clinic", "¿mi prima Lola terminó el curso?", "Lo terminó, pero suspendió el examen final."),
    ("clinic", "mi suegro ya instaló?", "Instaló en mayo y pidió financiación porque le faltaba dinero."),
    ("clinic", "alguno con mi lesión?", "Paco Rubio, del grupo de las siete, salió de una igual."),
    ("travel", "minha amiga Carol faz pilates aí?", "A Carol faz, mas parou um mês por causa da depressão."),
    ("travel", "meu sócio assinou?", "Assinou o plano Pro e atrasou a última fatura."),
]
PASSES = [
    ("clinic", "hola", "Llámanos al 960555077 o escribe a citas@sonria.example."),
    ("clinic", "hola", "Teléfono: 960 55 50 77 (urgencias: +34 960-555-078)."),
    ("clinic", "hola", "Estamos en la calle Inventada 8, 2.º, Valencia."),
    ("clinic", "hola", "C/ Inventada, 8 · Valencia"),
    ("clinic", "quién opera?", "Opera el Dr. Álvaro Rey, director médico; la higienista es Carmen Díaz."),
    ("clinic", "hola", "Puedes transferir a ES91 2100 0418 4502 0005 1332."),
    ("clinic", "hola", "Nuestro CIF es B12345674."),
    ("clinic", "soy Laura Mora, mi móvil es 612 345 678", "Gracias, Laura: te llamamos al 612345678."),
    ("clinic", "mi número es +34612345678", "Te llamamos al 612 34 56 78, Laura Mora."),
    ("clinic", "mi correo es lau.mora@gmail.com", "Te lo enviamos a lau.mora@gmail.com."),
    ("clinic", "vivo en la calle Colón 23", "Desde la calle Colón 23 llegas en diez minutos."),
    ("clinic", "mi marido Iker tiene diabetes", "Si Iker tiene diabetes, el doctor lo revisa antes."),
    (
        "clinic",
        "mi hija es alérgica a la penicilina",
        "Avisa de que tu hija es alérgica a la penicilina.",
    ),
    (
        "clinic",
        "mi tarjeta es 4111 1111 1111 1111",
        "No envíes tu tarjeta por chat, por favor; borra la •••• 1111.",
    ),
    ("clinic", "con cuál pagué?", "Con la tarjeta terminada en 1111."),
    ("clinic", "con cuál pagué?", "Con la tarjeta **** **** **** 1111"),
    ("clinic", "qué necesito?", "Trae tu DNI o NIE y la tarjeta sanitaria."),
    ("clinic", "me das el teléfono de otra paciente?", "No puedo compartir datos de otras personas, lo siento."),
    ("clinic", "hola", "Tu cita es el 14/04/2026 de 10:00 a 11:30, ref. 20260414-0031."),
    ("clinic", "hola", "El presupuesto es el n.º 2026-000123456."),
    ("clinic", "hola", "Cuesta 1.250,00 € o 3 pagos de 416,67 €."),
    ("clinic", "¿y con diabetes?", "Muchos pacientes con diabetes se tratan aquí; el doctor lo valora."),
    ("clinic", "hola", "Tratamos la periodontitis, la ansiedad al dentista y las caries."),
    ("clinic", "hola", "Atendemos a embarazadas y a personas con VIH con total confidencialidad."),
    ("clinic", "urgencia!", "Si sangra mucho, llama al 112."),
    ("clinic", "hola", "Te puede acompañar tu marido o tu madre."),
    ("clinic", "vengo con mi marido", "Tu marido puede pedir cita el mismo día."),
    ("travel", "oi", "Nosso WhatsApp: +55 (11) 95550-0188."),
    ("travel", "oi", "Ligue para 11 5550-0199."),
    ("travel", "oi", "CNPJ: 11.222.333/0001-81."),
    ("travel", "oi", "A guia em Lisboa é a Marta Ramires."),
    ("travel", "oi", "Estamos na rua Imaginada 45, em São Paulo."),
    ("travel", "oi", "O voo TP 1234 sai às 22:05 de 10/08/2026, chegada 11/08/2026."),
    ("travel", "oi", "Visitamos a Torre de Belém e o Mosteiro dos Jerónimos."),
    ("travel", "oi", "O hotel fica perto da Avenida da Liberdade e da Praça do Comércio."),
    ("travel", "oi", "Código da reserva: XK4J9P. Pedido 884512390."),
    ("travel", "qual o cpf pra nota?", "Para a nota fiscal, informe o CPF no site; não envie por aqui."),
    ("travel", "sou o Caio, caio@uol.com.br, 11 98888-7777", "Oi, Caio! Confirmo: caio@uol.com.br e (11) 98888-7777."),
    ("travel", "minha irmã Bruna tem asma", "Para a Bruna, que tem asma, recomendo falar com o médico antes."),
    ("travel", "oi", "Custa R$ 12.345.678,00? Não, R$ 1.234,56."),
    ("travel", "oi", "São 1 200 km de Lisboa a Barcelona, umas 12 horas de trem."),
    ("travel", "oi", "Santa Catarina, São Miguel e Porto Santo são ótimas em setembro."),
    ("travel", "oi", "Não posso informar quem mais está no grupo."),
    ("cars", "hi", "Call us at +1 512-555-0142 or email sales@northgate.example."),
    ("cars", "hi", "Our showroom is at 700 Madeup Road, Austin."),
    ("cars", "hi", "Denise Carter is our sales manager and can help with trade-ins."),
    ("cars", "I'm Joe Park, 512 555 7788", "Thanks Joe Park, we'll call 512-555-7788."),
    ("cars", "hi", "Stock number 20417, VIN on request, 45,210 miles, 2019 model."),
    ("cars", "my ssn is 078-05-1120", "Please don't send your SSN here; the finance form is secure."),
    ("cars", "hi", "It's 0-60 in 5.8 s and 310 hp at 6,000 rpm."),
    ("cars", "hi", "Bring your driver's license and proof of insurance."),
    ("cars", "hi", "Financing from 24 to 72 months, 3.9 % APR on 20,000."),
    ("cars", "my neighbor Tom bought one", "Glad your neighbor Tom likes his!"),
    ("cars", "hi", "Ford Ranger, Jeep Grand Cherokee and Alfa Romeo Giulia are in stock."),
    ("cars", "who bought the red one?", "I can't share who bought it, sorry."),
    ("cars", "hi", "Order 1029384756 is confirmed, tracking 1Z999AA10123456784."),
    ("software", "hola", "Soporte: 55 5550 0177 o ayuda@cuadra.example."),
    ("software", "hola", "Inés Arce dirige el producto."),
    ("software", "hola", "Captura tu RFC y tu CURP en Ajustes; no los envíes por chat."),
    ("software", "hola", "El CFDI 4.0 pide RFC, nombre y código postal 03100."),
    ("software", "hola", "Soporta 100 000 000 de registros y hasta 1,500 usuarios."),
    ("software", "soy Pablo Lara de Tacos Lara", "Gracias, Pablo Lara. Para Tacos Lara te sirve el plan básico."),
    ("software", "hola", "La versión 2026.3.10 salió el 2026-03-10 a las 10:00:00."),
    ("school", "hola", "El Instituto Cervantes cobra la tasa; el examen Cambridge es aparte."),
    (
        "school",
        "mi hijo Leo, de 9 años, tiene dislexia",
        "Con Leo, de 9 años, iríamos despacio por la dislexia.",
    ),
    ("school", "hola", "Tu compañera puede apuntarse contigo al mismo grupo."),
    ("clinic", "hola", "Nuestro equipo lo dirige el Dr. Álvaro Rey y la higiene la hace Carmen Díaz."),
    ("clinic", "soy Laura Gil", "Hola, Laura. ¿Prefieres el martes o el jueves?"),
    ("clinic", "mi madre tiene Alzheimer", "Lamento lo de tu madre. Podéis venir juntas y la atendemos con calma."),
    ("clinic", "hola", "La consulta está cerca de la plaza del Ayuntamiento, calle Inventada 8."),
    ("clinic", "hola", "El tratamiento dura 18 meses y son 24 visitas de 30 minutos."),
    ("clinic", "hola", "Si tiene usted diabetes o toma anticoagulantes, dígaselo al doctor."),
    (
        "clinic",
        "quiero regalar un blanqueamiento a mi mujer",
        "¡Qué detalle! Tu mujer puede elegir la fecha cuando quiera.",
    ),
    ("clinic", "hola", "No comparto datos de pacientes, ni siquiera si son familiares."),
    ("travel", "oi", "O voo AD8750 sai às 23h10 do dia 05/09/2026 e chega às 11h40."),
    ("travel", "oi", "A embaixada de Portugal fica em Brasília; o telefone está no site deles."),
    ("travel", "meu cpf é 123.456.789-09", "Obrigada! Por segurança, apague essa mensagem; o CPF vai no formulário."),
    ("travel", "sou a Bruna, vou com o Felipe", "Perfeito, Bruna: você e o Felipe ficam no mesmo quarto."),
    ("travel", "oi", "Visitamos o Palácio da Pena, a Quinta da Regaleira e o Cabo da Roca."),
    ("travel", "quero 2 quartos", "São 2 quartos para 4 pessoas, de 10/08 a 17/08."),
    ("cars", "hi", "The 2021 Honda Accord has 38,450 miles and stock number NG-20417."),
    ("cars", "hi", "Financing runs 36, 48 or 60 months; call (512) 555-0142."),
    ("cars", "my wife Karen will drive", "Karen is welcome to test drive it too."),
    ("cars", "hi", "We're at 700 Madeup Road, next to the library."),
    ("cars", "I'm Sam Ortiz 737-555-0188", "Thanks, Sam. We'll text you at 737-555-0188."),
    ("cars", "hi", "The Ford F-150 Lariat and the Chevy Silverado 1500 are both here."),
    ("software", "hola", "El plan básico incluye 3 usuarios y 1,000 facturas al mes."),
    ("software", "mi rfc es GOMC900514AB1", "Gracias. Por seguridad, captúralo en Ajustes y no por aquí."),
    ("software", "hola", "Escribe a ayuda@cuadra.example o llama al 55 5550 0177."),
    ("software", "hola", "El certificado vence el 31/12/2027 y el folio es 0004521."),
    ("school", "mi hija Vera tiene 8 años", "Vera encaja en Inglés para niños, que es de 7 a 12 años."),
    ("school", "hola", "Simón Bolívar y Frida Kahlo salen en los textos del curso."),
    ("clinic", "mi hijo Bruno va el lunes?", "Sí, Bruno tiene la cita el lunes a las 10."),
    ("clinic", "soy Elena, pedí cita para mi padre", "Elena, la cita de tu padre sigue en pie: martes a las 9."),
    ("clinic", "hola", "El Dr. Rey atiende urgencias en el 960 555 078."),
    ("clinic", "hola", "Trae el volante de tu médico y la tarjeta sanitaria."),
    ("travel", "somos eu, Caio e Lia", "Fechado: Caio, Lia e você, três pessoas."),
    ("travel", "oi", "O passeio inclui a Igreja de São Francisco e o Museu Carmen Miranda."),
    ("travel", "oi", "Vocês podem falar com a Marta Ramires em Lisboa."),
    ("travel", "oi", "Reserva 2026/004512, saída 10.08.2026 às 22h05."),
    ("cars", "my husband Bob wants the blue one", "Tell Bob the blue one is still available."),
    ("cars", "hi", "The warranty covers 5 years or 60,000 miles, whichever comes first."),
    ("cars", "hi", "Tesla, Lincoln and Mercedes trade-ins are welcome."),
    ("software", "hola", "La demo la da Inés Arce, directora de producto, por Zoom."),
    ("software", "hola", "Son 12,500 timbres al año y 5 usuarios; RFC genérico permitido."),
    ("school", "hola", "Marta Soler coordina los grupos."),
    ("school", "mi amiga Olga se apunta también", "¡Genial! Olga puede hacer la prueba de nivel hoy mismo."),
    # in other words
    (
        "clinic",
        "mi prima Rocío va al club?",
        "De otras personas no puedo contarte nada; si quiere, ella misma nos escribe.",
    ),
    ("clinic", "quién dirige?", "La directora académica es Marta Soler."),
    ("clinic", "soy Laura García, mi tel 600111222", "Gracias, Laura, te llaman al 600111222."),
    ("clinic", "operan aquí?", "La cirugía la hace un cirujano y la corona se coloca meses después."),
    ("travel", "meu filho tem medo", "A gente recebe seu filho com calma; ele pode conhecer a sala antes."),
    ("travel", "meu marido quer clarear", "Ótimo, para ele são 3 sessões de 50 minutos."),
    ("travel", "vocês colocam dois implantes?", "Sim, cada implante é colocado na cirurgia e tem sinal de 20%."),
    ("cars", "is my neighbour a member?", "I can't share anything about other people, sorry."),
    ("cars", "who leads it", "The academic director is Marta Soler."),
    ("cars", "I'm Tom, 305-555-0101", "Thanks Tom, they'll call you on 305-555-0101."),
    (
        "clinic",
        "mi hermana fue el sábado al club y le encantó, ¿este sábado hay?",
        "¡Qué bien! Sí, este sábado hay club de 10:00 a 11:30.",
    ),
    (
        "clinic",
        "mi hijo suspendió inglés, ¿qué grupo le va?",
        "Para su edad está el grupo de niños, los martes y jueves.",
    ),
    ("clinic", "mi vecino dice que bajó el precio", "El precio no cambió: sigue siendo el publicado."),
    (
        "travel",
        "minha amiga está no grupo da noite, dá pra entrar também?",
        "Dá para pedir o mesmo grupo; confirmo a vaga com a equipe.",
    ),
    # in other words
    (
        "clinic",
        "¿mi prima Lola terminó el curso?",
        "Eso tendría que contártelo ella; yo no puedo dar datos de alumnos.",
    ),
    ("clinic", "mi suegro quiere instalar", "Perfecto, la visita técnica es en su casa y él decide."),
    ("clinic", "mi amiga me recomendó", "¡Qué bien! Dale las gracias de nuestra parte."),
    ("travel", "minha amiga Carol faz pilates aí?", "Sobre outras pessoas não consigo informar nada."),
    ("travel", "meu sócio quer assinar", "Ele pode assinar o plano pelo site."),
]


def judge(trade: str, inbound: str, text: str, language: str = "es", channel: Channel = "whatsapp") -> Verdict:
    tenant = TRADES[trade]
    return pii.check(draft(text, language, channel), later_turn(inbound, tenant), tenant, NOW)


@each_row(("trade", "channel", "language", "inbound", "text"), labelled("pii", "violations"))
def test_personal_data_is_found_in_every_trade(
    trade: str, channel: Channel, language: str, inbound: str, text: str
) -> None:
    assert judge(trade, inbound, text, language, channel).outcome == "revise"


@each_row(("trade", "channel", "language", "inbound", "text"), labelled("pii", "passes"))
def test_known_data_and_other_numbers_pass_in_every_trade(
    trade: str, channel: Channel, language: str, inbound: str, text: str
) -> None:
    verdict = judge(trade, inbound, text, language, channel)
    assert verdict.outcome == "pass", verdict.evidence


@each_row(("trade", "inbound", "text"), VIOLATIONS)
def test_personal_data_is_found_and_not_repeated_as_evidence(trade: str, inbound: str, text: str) -> None:
    verdict = judge(trade, inbound, text)
    assert verdict.outcome in {"revise", "hold"}
    assert verdict.span
    start, end = verdict.span
    assert 0 <= start < end <= len(text)
    assert not any(len(word) > 4 and word in verdict.evidence for word in text[start:end].split() if word[0].isdigit())


@each_row(("trade", "inbound", "text"), PASSES)
def test_published_and_given_data_pass(trade: str, inbound: str, text: str) -> None:
    assert judge(trade, inbound, text) == Verdict(rule="pii", outcome="pass", version=pii.VERSION)


def test_what_the_prospect_gave_earlier_may_be_repeated() -> None:
    tenant = TRADES["clinic"]
    answer = make_message("Gracias", seq=2, direction="outbound", author="agent")
    turn = replace(later_turn("¿cuándo?", tenant), history=(make_message("mi móvil es 612 345 678"), answer))
    assert pii.check(draft("Te llamamos hoy al 612345678."), turn, tenant, NOW).outcome == "pass"


def test_number_that_we_write_to_may_be_named() -> None:
    assert judge("clinic", "llamadme", "Te llamamos al 600 00 00 01, desde el que escribes.").outcome == "pass"


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("card", "4111111111111111", "4111111111111112"),
        ("dni", "12345678Z", "12345678A"),
        ("dni", "X1234567L", "X1234567A"),
        ("cif", "B12345674", "B12345675"),
        ("iban", "ES9121000418450200051332", "ES9121000418450200051333"),
        ("iban", "GB82WEST12345698765432", "GB82WEST12345698765433"),
        ("cpf", "52998224725", "52998224726"),
        ("cnpj", "11222333000181", "11222333000182"),
        ("nif", "123456789", "123456780"),
        ("cuit", "20123456786", "20123456787"),
        ("rut", "123456785", "123456784"),
        ("clabe", "032180000118359719", "032180000118359718"),
    ],
)
def test_checksums_tell_right_from_wrong(kind: str, right: str, wrong: str) -> None:
    assert CHECKS[kind](right)
    assert not CHECKS[kind](wrong)


@pytest.mark.parametrize("unit", ["1 ", "a@", "Ana ", "calle ", "uno "])
def test_hostile_text_is_read_in_linear_time(unit: str) -> None:
    assert_linear(lambda text: judge("cars", "hi", text), unit, 4_000)
