# Las palabras de las páginas de pago en español. Lo que puede faltar se lee "none".

## Giros dentro de las frases

card = { $brand } terminada en { $last_four }
price =
    { $unit ->
        [day] { $count ->
            [one] { $amount } al día
           *[other] { $amount } cada { $count } días
        }
        [week] { $count ->
            [one] { $amount } a la semana
           *[other] { $amount } cada { $count } semanas
        }
        [year] { $count ->
            [one] { $amount } al año
           *[other] { $amount } cada { $count } años
        }
       *[month] { $count ->
            [one] { $amount } al mes
           *[other] { $amount } cada { $count } meses
        }
    }
lines-of = { $unit } × { $quantity }

## El marco

skip = Ir al contenido
test-mode = Modo de prueba, el reloj marca el { $date }. No se mueve dinero real.
contact = ¿Preguntas, o no es para usted? Escriba a { $merchant }:
portal = Ir a { $merchant }
zone = Las fechas son las de { $city }.

## Títulos de la página de una factura

title-open = Quedan { $amount } por pagar de { $subject }
title-planned = { $amount } de { $subject }
title-under-way = El pago de { $amount } por { $subject } está en curso
title-go-on = { $amount } de { $subject }: falta un paso
title-paid = { $amount } de { $subject }: pagado
title-void = Ya no se debe nada por { $subject }
title-written-off = { $subject }: ya no se pide nada

## Qué ha fallado

trouble-not_enough_money =
    { $card ->
        [none] Su banco rechazó el pago el { $date }: no había dinero suficiente.
       *[other] Su banco rechazó { $card } el { $date }: no había dinero suficiente.
    }
trouble-ask_your_bank =
    { $card ->
        [none] Su banco no permitió el pago el { $date }. Quiere que usted lo confirme o le pregunte.
       *[other] Su banco no permitió el pago con { $card } el { $date }. Quiere que usted lo confirme o le pregunte.
    }
trouble-new_card =
    { $card ->
        [none] No tenemos ninguna tarjeta que funcione. Por favor, pague con otra.
       *[other] { $card } ya no funciona. Por favor, pague con otra tarjeta.
    }
trouble-bank_did_not_say =
    { $card ->
        [none] Su banco rechazó el pago el { $date } y no dijo por qué. Pregúntele o pague con otra tarjeta.
       *[other] Su banco rechazó { $card } el { $date } y no dijo por qué. Pregúntele o pague con otra tarjeta.
    }
trouble-technical =
    { $card ->
        [none] El pago del { $date } falló por un motivo técnico, no por usted.
       *[other] El pago con { $card } del { $date } falló por un motivo técnico, no por usted.
    }
last-try = Último intento: { $time } h.

## Qué sigue

lead-paid =
    { $date ->
        [none] Gracias. No hay nada más que hacer.
       *[other] Gracias. Lo recibimos el { $date } y no hay nada más que hacer.
    }
lead-void = La factura se anuló. No hay nada que hacer.
lead-written-off = La factura se cerró sin pago. Aquí no hay nada que hacer.
lead-planned-now =
    { $card ->
        [none] Lo estamos cobrando ahora mismo. No hay nada que hacer; vuelva a mirar en un momento.
       *[other] Lo estamos cobrando ahora mismo de { $card }. No hay nada que hacer; vuelva a mirar en un momento.
    }
lead-planned =
    { $card ->
        [none] Lo cobramos el { $date }. No hay nada que hacer.
       *[other] Lo cobramos de { $card } el { $date }. No hay nada que hacer.
    }
lead-no-answer = Su banco aún no ha respondido. No pague otra vez: lo averiguamos y le escribimos.
lead-with-the-bank = Su banco ha aceptado el pago y lo ejecuta en unos días. No pague otra vez: le escribimos cuando haya llegado.
lead-go-on = Ha empezado a pagar. Siga donde lo dejó; nada se cobra dos veces.
lead-cannot-pay = No se puede pagar en esta página. Por favor, escriba a { $merchant }.
next-try = Lo intentamos otra vez el { $date }. Si paga ahora, ese intento se descarta.
look-again = Volver a mirar
go-on = Seguir

## Datos

fact-invoice = Factura
fact-period = Periodo
fact-access-until = Abierto hasta
lines-caption = Conceptos de la factura
lines-what = Concepto
lines-amount = Importe
lines-total = Total
why = ¿Por qué?
why-once = { $quantity } × { $unit }, comprado una vez.
why-day = { $quantity } × { $unit } del { $first }.
why-cycle = { $quantity } × { $unit } del { $first } al { $last }.
why-part = { $quantity } × { $unit } del { $first } al { $last }: { $days } de los { $of } días de un período completo.

## El formulario

choice-legend = ¿Cómo quiere pagar?
choice-page = Con la tarjeta que elija
choice-again = Intentar otra vez con { $card }
consent = Usar esta tarjeta también para los pagos posteriores de { $plan }, { $price }, hasta que cancele.
pay = Pagar { $amount }
card-entry = La tarjeta se introduce en la página del proveedor de pagos. Nunca vemos su número.

## Guardar una tarjeta

card-title = Guardar una tarjeta para { $merchant }
card-lead = Ahora no se cobra nada. Desde entonces la tarjeta paga todo lo que tiene suscrito en { $merchant }, hasta que cancele.
card-button = Guardar una tarjeta
card-stored-title = { $card } está guardada
card-stored-lead = Desde ahora paga todo lo que tiene suscrito en { $merchant }. Un importe pendiente se cobra de ella.
card-open-title = La tarjeta aún no está guardada
card-open-lead = Dejó la página del proveedor de pagos antes del final. No se ha cambiado nada.
card-failed-title = No se ha guardado ninguna tarjeta
card-failed-lead = El banco no lo permitió, o dejó la página. Abra otra vez el enlace de nuestro correo para probar con otra tarjeta.

## De camino al proveedor de pagos

hand-over-title = Al proveedor de pagos
hand-over-lead = Si no pasa nada, siga este enlace.

## Avisos

note-unreachable = La página del proveedor de pagos no se abrió. No se cobró nada; inténtelo otra vez en un minuto.
note-under-way = Ya hay un pago en curso. No pague otra vez.
note-not-offered = Eso no es posible ahora mismo. Por favor, elija otra manera.
note-form = La página llevaba mucho tiempo abierta. No se hizo nada; pulse el botón otra vez.

## Otras páginas

missing-title = Esta página no existe
missing-lead = Quizá el enlace esté cortado. Por favor, cópielo entero del correo.
expired-title = Este enlace es demasiado antiguo
expired-lead = Los enlaces de nuestros correos no valen para siempre. No se ha cambiado nada; escriba a { $merchant } para pedir uno nuevo.
forbidden-title = Esto no vino de nuestra página
forbidden-lead = No se hizo nada. Por favor, abra otra vez el enlace del correo.
busy-title = Demasiado a la vez
busy-lead = Por favor, espere un minuto y vuelva a mirar.
broken-title = Algo no está en orden por nuestra parte
broken-lead = No se inició ningún cobro. Por favor, inténtelo otra vez en un minuto.
broken-return-lead = Estamos averiguando cómo está el pago. No pague otra vez; vuelva a mirar en un minuto.
reference = Si nos escribe, mencione { $reference }.
