# Las palabras de cada correo en español. Las reglas están al principio de en.ftl.

## Giros dentro de las frases

card = { $brand } terminada en { $last_four }
free = Gratis
charge = { $amount } el { $date }
moment = { $date }, { $time } ({ $city })
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

## El marco

test-mark = Prueba
test-mode = Modo de prueba, el reloj marca el { $date }. No se mueve dinero real.
why =
    { $customer ->
        [none] Recibe este correo por { $plan } en { $merchant }.
       *[other] Este correo es para { $customer }, por { $plan } en { $merchant }.
    }
reply = ¿Preguntas? Responda a este correo y le contestará una persona de { $merchant }.
no-portal = Para cambiar o cancelar algo, responda a este correo; una persona de { $merchant } se ocupará.
zone = Las fechas y horas son las de { $city }.

## Nombres de los datos

fact-access-until = Abierto hasta
fact-amount = Importe
fact-cancel-by = Cambiar o cancelar hasta
fact-card = Tarjeta
fact-confirm-by = Confirmar hasta
fact-ends = Fin
fact-expires = Caduca
fact-first-charge = Primer cobro
fact-instrument = Forma de pago
fact-invoice = Factura
fact-new-plan = Plan nuevo
fact-new-price = Precio nuevo
fact-next-charge = Próximo cobro
fact-next-try = Próximo intento
fact-old-price = Precio actual
fact-open = Pendiente
fact-period = Periodo
fact-plan = Concepto
fact-price = Precio
fact-received = Recibida
fact-reference = Referencia
fact-since = En pausa desde

## Ha empezado una suscripción

welcome-subject = { $plan } ha empezado
welcome-preheader =
    { $paid ->
        [none] { $next_charge ->
            [none] { $price }. Puede cancelar cuando quiera, tan fácil como empezar.
           *[other] Gratis hasta el { $next_charge }, después { $price }; cancele cuando quiera.
        }
       *[other] Hoy { $paid }, después { $price }; puede cancelar cuando quiera.
    }
welcome-heading = Le damos la bienvenida
welcome-first =
    { $paid ->
        [none] { $next_charge ->
            [none] Gracias: ya puede usar { $plan }.
           *[other] Gracias: ya puede usar { $plan }, y no se cobra nada antes del { $next_charge }.
        }
       *[other] { $instrument ->
            [none] Gracias: ya puede usar { $plan }, y hemos recibido { $paid }.
           *[other] Gracias: ya puede usar { $plan }, y hemos cobrado { $paid } mediante { $instrument }.
        }
    }
welcome-body = Continúa por sí solo hasta que lo cancele, lo que puede hacer en cualquier momento.
welcome-button = Abrir { $plan }
welcome-second = Cambiar o cancelar la suscripción

## Una prueba gratuita termina pronto

trial_ending-subject = Su prueba termina el { $ends_short }; luego, { $price }
trial_ending-preheader =
    { $instrument ->
        [none] Si quiere seguir, añada antes una tarjeta, por favor.
       *[other] Si se queda, no hay que hacer nada. Si cancela antes, no se cobra nada.
    }
trial_ending-heading = Su prueba termina pronto
trial_ending-first =
    { $instrument ->
        [none] Su prueba gratuita de { $plan } termina el { $ends } y aún no hay una tarjeta con la que cobrar { $amount }.
       *[other] Su prueba gratuita de { $plan } termina el { $ends } y ese día cobramos los primeros { $amount } mediante { $instrument }.
    }
trial_ending-body =
    { $instrument ->
        [none] Añada una tarjeta si quiere seguir. Si no, cancele antes de ese día y no se cobra nada.
       *[other] Si quiere seguir, no hay que hacer nada. Si no, cancele antes de ese día y no se cobra nada.
    }
trial_ending-button =
    { $instrument ->
        [none] Añadir una tarjeta
       *[other] Cancelar o seguir
    }
trial_ending-second = Cancelar la prueba

## Un ciclo largo se renueva pronto

upcoming_renewal-subject = { $plan } se renueva el { $date_short }: { $amount }
upcoming_renewal-preheader =
    { $instrument ->
        [none] Aún no hay una tarjeta con la que cobrarlo. Puede cancelar hasta entonces.
       *[other] Mediante { $instrument }. Hasta entonces puede cambiar o cancelar.
    }
upcoming_renewal-heading = Su renovación
upcoming_renewal-first =
    { $compared ->
        [same] { $plan } se renueva el { $date } por { $amount }, igual que la última vez.
        [changed] { $plan } se renueva el { $date } por { $amount }; la última vez fueron { $previous }.
       *[first] { $plan } se renueva el { $date } por { $amount }.
    }
upcoming_renewal-body =
    { $instrument ->
        [none] Aún no hay una tarjeta con la que cobrarlo: añada una si quiere seguir. Si no, cancele antes de ese día.
       *[other] Si se queda, no hay que hacer nada: ese día lo cobramos mediante { $instrument }.
    }
upcoming_renewal-button =
    { $instrument ->
        [none] Añadir una tarjeta
       *[other] Ver o cancelar la renovación
    }
upcoming_renewal-second = Ver o cancelar la renovación

## Se ha cobrado dinero

receipt-subject = Recibo: { $amount } por { $plan }, { $date_short }
receipt-preheader =
    { $next_charge ->
        [none] Factura { $invoice }. No se cobra nada más por ello.
       *[other] Factura { $invoice }. Próximo cobro: { $next_charge }.
    }
receipt-heading = Recibo
receipt-first =
    { $instrument ->
        [none] Hemos recibido { $amount } por { $plan } el { $date }.
       *[other] Hemos recibido { $amount } mediante { $instrument } el { $date }.
    }
receipt-body = Gracias. No hay que hacer nada.
receipt-button = Ver la factura
receipt-second = { "" }

## Se ha rechazado un cobro

payment_failed-subject =
    { $final ->
        [yes] { $access_until ->
            [none] Último aviso: { $amount } por { $plan } pendientes
           *[other] Último aviso: el acceso termina el { $access_until_short }
        }
       *[no] { $what ->
            [taken_back] Su banco retiró { $amount } por { $plan }
           *[declined] No pudimos cobrar { $amount } por { $plan }
        }
    }
payment_failed-preheader =
    { $final ->
        [yes] Pague { $amount } o cambie la tarjeta, por favor; se tarda un minuto.
       *[no] { $advice ->
            [new_card] Pague o cambie la tarjeta, por favor; se tarda un minuto.
           *[other] { $next_try ->
                [none] Pague o cambie la tarjeta, por favor; se tarda un minuto.
               *[other] Lo intentaremos de nuevo el { $next_try_short }; también puede pagar ahora.
            }
        }
    }
payment_failed-heading =
    { $final ->
        [yes] Último aviso
       *[no] { $what ->
            [taken_back] Se ha devuelto un pago
           *[declined] Un pago no se ha completado
        }
    }
payment_failed-first =
    { $final ->
        [yes] { $access_until ->
            [none] Este es nuestro último aviso: { $amount } por { $plan } siguen pendientes.
           *[other] Este es nuestro último aviso: { $amount } por { $plan } siguen pendientes y, si no se pagan, su acceso termina el { $access_until }.
        }
       *[no] { $what ->
            [taken_back] { $advice ->
                [not_enough_money] Su banco retiró { $amount } por { $plan } el { $date } porque no había dinero suficiente.
               *[other] Había pagado { $amount } por { $plan } y su banco lo retiró el { $date }. La factura vuelve a estar abierta.
            }
           *[declined] { $advice ->
                [not_enough_money] Su banco rechazó { $amount } por { $plan } el { $date } porque no había dinero suficiente.
                [ask_your_bank] Su banco rechazó { $amount } por { $plan } el { $date } porque antes quiere hablar con usted.
                [new_card] { $instrument ->
                    [none] No pudimos cobrar { $amount } por { $plan } el { $date } porque no tenemos ninguna tarjeta suya que funcione.
                   *[other] No pudimos cobrar { $amount } por { $plan } el { $date } porque { $instrument } ya no se puede usar.
                }
                [technical] No pudimos cobrar { $amount } por { $plan } el { $date } porque falló la conexión con su banco.
               *[bank_did_not_say] Su banco rechazó { $amount } por { $plan } el { $date } y no dijo por qué.
            }
        }
    }
payment_failed-body =
    { $advice ->
        [not_enough_money] Procure que haya suficiente o pague con otra tarjeta, por favor.
        [ask_your_bank] Llame a su banco y autorice el pago, o pague con otra tarjeta, por favor.
        [new_card] { $what ->
            [taken_back] Pague abajo o añada otra tarjeta, por favor. Lo que su banco retiró no lo cobraremos otra vez del mismo modo.
           *[declined] { $instrument ->
                [none] Añada una tarjeta, por favor.
               *[other] Añada una tarjeta nueva, por favor. Con la antigua no lo intentaremos más.
            }
        }
        [technical] { $final ->
            [yes] No ha sido culpa suya. Pague abajo, por favor; se tarda más o menos un minuto.
           *[no] { $next_try ->
                [none] No ha sido culpa suya. Pague abajo, por favor; se tarda más o menos un minuto.
               *[other] No ha sido culpa suya y no tiene que hacer nada. Si lo desea, puede pagar ahora.
            }
        }
       *[bank_did_not_say] Pregunte a su banco o pague con otra tarjeta, por favor.
    }

    { $next_try ->
        [none] { $access_until ->
            [none] { $lapses ->
                [none] No lo intentaremos de nuevo por nuestra cuenta.
               *[other] No lo intentaremos de nuevo por nuestra cuenta. Su suscripción aún no ha empezado: pague o añada una tarjeta hasta el { $lapses }; si no, termina sin coste alguno.
            }
           *[other] No lo intentaremos de nuevo por nuestra cuenta; todo sigue abierto hasta el { $access_until }.
        }
       *[other] { $advice ->
            [new_card] { $access_until ->
                [none] El { $next_try } lo intentaremos con su otra forma de pago.
               *[other] El { $next_try } lo intentaremos con su otra forma de pago; todo sigue abierto hasta el { $access_until }.
            }
           *[other] { $access_until ->
                [none] Lo intentaremos de nuevo el { $next_try }.
               *[other] Lo intentaremos de nuevo el { $next_try }; todo sigue abierto hasta el { $access_until }.
            }
        }
    }
payment_failed-button =
    { $advice ->
        [technical] Pagar ahora
       *[other] Pagar o cambiar la tarjeta
    }
payment_failed-second = Cancelar la suscripción

## El banco pide una confirmación

authentication_needed-subject = Confirme { $amount } con su banco, por favor
authentication_needed-preheader = Lo pide su banco; se tarda más o menos un minuto.
authentication_needed-heading = Confirme un pago, por favor
authentication_needed-first = Su banco quiere que confirme el pago de { $amount } por { $plan } antes de dejarlo pasar.
authentication_needed-body =
    { $confirm_by ->
        [none] Abra la página de abajo y siga los pasos de su banco. Sin usted no se cobra nada.
       *[other] Abra la página de abajo y siga los pasos de su banco. Todo sigue abierto hasta el { $confirm_by }.
    }
authentication_needed-button = Confirmar el pago
authentication_needed-second = Cancelar la suscripción

## La tarjeta caduca antes del próximo cobro

card_expiring-subject = { $card } caduca en { $expires }
card_expiring-preheader = { $plan } necesita una tarjeta válida el { $date }.
card_expiring-heading = Su tarjeta caduca
card_expiring-first = La tarjeta que paga { $plan }, { $card }, es válida hasta finales de { $expires }, y su banco no nos ha enviado una nueva.
card_expiring-body = Añada la tarjeta nueva antes del próximo cobro, aunque el número sea el mismo.
card_expiring-button = Añadir la tarjeta nueva
card_expiring-second = { "" }

## Un cobro rechazado se ha completado

recovered-subject = Pagado: { $amount } por { $plan }
recovered-preheader = Todo está bien de nuevo; no hay que hacer nada más.
recovered-heading = Pago recibido
recovered-first = Su pago de { $amount } se completó el { $date } y ya no habrá más intentos.
recovered-body = { $plan } sigue abierto como antes. Gracias.
recovered-button = Ver la factura
recovered-second = { "" }

## El acceso está cerrado hasta que se pague

suspended-subject = { $plan } está en pausa: { $amount } pendientes
suspended-preheader = Pague { $amount } y se abrirá de nuevo al instante.
suspended-heading = Su acceso está en pausa
suspended-first =
    { $tries ->
        [0] { $amount } por { $plan } no se han pagado; por eso está cerrado desde el { $since }.
        [one] No pudimos cobrar { $amount } por { $plan }; por eso está cerrado desde el { $since }.
       *[other] No pudimos cobrar { $amount } por { $plan } en { $tries } intentos; por eso está cerrado desde el { $since }.
    }
suspended-body =
    { $again ->
        [no] { $ends ->
            [none] En cuanto se pague, se abrirá de nuevo.
           *[other] En cuanto se pague, se abrirá de nuevo. Si el { $ends } sigue sin pagarse, la suscripción termina.
        }
        [last] En cuanto se pague, se abrirá de nuevo. Lo intentaremos una última vez el { $next_try }; si tampoco se logra, la suscripción termina.
       *[yes] { $ends ->
            [none] En cuanto se pague, se abrirá de nuevo. Lo intentaremos de nuevo el { $next_try }.
           *[other] En cuanto se pague, se abrirá de nuevo. Lo intentaremos de nuevo el { $next_try }. Si el { $ends } sigue sin pagarse, la suscripción termina.
        }
    }
suspended-button = Pagar y reabrir
suspended-second = Cancelar la suscripción

## Una suscripción termina o ha terminado

cancelled-subject =
    { $ended ->
        [yes] { $plan } terminó el { $ends_short }
       *[no] { $plan }: cancelado, abierto hasta el { $ends_short }
    }
cancelled-preheader =
    { $open ->
        [none] { $by ->
            [customer] Recibida el { $received }. No se cobra nada más.
           *[other] No se cobra nada más y no tiene que hacer nada.
        }
       *[other] No se cobra nada nuevo; quedan { $open } de una factura anterior.
    }
cancelled-heading =
    { $ended ->
        [yes] Su suscripción ha terminado
       *[no] Su suscripción está cancelada
    }
cancelled-first =
    { $by ->
        [customer] { $ended ->
            [yes] Recibimos su cancelación el { $received } y { $plan } terminó el { $ends }.
           *[no] Recibimos su cancelación el { $received } y { $plan } termina el { $ends }.
        }
        [dunning] { $ended ->
            [yes] { $plan } terminó el { $ends } porque el pago no se completó.
           *[no] { $plan } termina el { $ends } porque el pago no se completó.
        }
       *[merchant] { $ended ->
            [yes] { $merchant } puso fin a { $plan } el { $ends }.
           *[no] { $merchant } pone fin a { $plan } el { $ends }.
        }
    }
cancelled-body =
    { $open ->
        [none] No se cobra nada más.
       *[other] No se cobra nada nuevo; quedan pendientes { $open } de una factura anterior.
    }
cancelled-button =
    { $undo ->
        [yes] Deshacer la cancelación
       *[no] Ver sus facturas
    }
cancelled-second =
    { $undo ->
        [yes] Ver sus facturas
       *[no] { "" }
    }

## El fin previsto no llega

cancellation_undone-subject = { $plan } continúa
cancellation_undone-preheader = La cancelación queda anulada, y usted conserva lo que tiene.
cancellation_undone-heading = Su suscripción continúa
cancellation_undone-first = La cancelación se anuló el { $date }: { $plan } continúa como hasta ahora.
cancellation_undone-body = No tiene que hacer nada, y puede cancelar en cualquier momento.
cancellation_undone-button = Ver o cancelar la suscripción
cancellation_undone-second = { "" }

## Cambia el precio o el plan

plan_changing-subject =
    { $change ->
        [plan] { $date_short ->
            [none] { $plan } cambia: { $new_amount }
           *[other] { $plan } cambia el { $date_short }: { $new_amount }
        }
        [kept] { $plan } sigue como está: { $new_amount }
       *[price] { $date_short ->
            [none] { $plan } costará { $new_amount }
           *[other] Desde el { $date_short } { $plan } cuesta { $new_amount }
        }
    }
plan_changing-preheader =
    { $change ->
        [kept] El cambio que le anunciamos no se hará. No hay que hacer nada.
       *[other] Ahora { $old_price }. Puede dejarlo antes sin coste alguno.
    }
plan_changing-heading =
    { $change ->
        [plan] Su plan cambia
        [kept] Su plan sigue como está
       *[price] Su precio cambia
    }
plan_changing-first =
    { $change ->
        [plan] { $date ->
            [none] Desde su próxima renovación { $plan } pasa a ser { $new_plan } y cuesta { $new_price } en vez de { $old_price }.
           *[other] Desde su renovación el { $date } { $plan } pasa a ser { $new_plan } y cuesta { $new_price } en vez de { $old_price }.
        }
        [kept] El cambio que le anunciamos no se hará: { $plan } sigue costando { $new_price }.
       *[price] { $date ->
            [none] Desde su próxima renovación { $plan } cuesta { $new_price } en vez de { $old_price }.
           *[other] Desde su renovación el { $date } { $plan } cuesta { $new_price } en vez de { $old_price }.
        }
    }
plan_changing-body =
    { $change ->
        [kept] No hay que hacer nada.
       *[other] Si le parece bien, no hay que hacer nada. Si no, cambie o cancele antes; no le cuesta nada.
    }
plan_changing-button = Seguir, cambiar o cancelar
plan_changing-second = { "" }

## Se devuelve dinero

refund-subject = Le devolvemos { $amount }: ya están en camino
refund-preheader =
    { $instrument ->
        [none] Por { $plan }, por el mismo medio con el que pagó.
       *[other] A { $instrument }, por { $plan }.
    }
refund-heading = Su devolución
refund-first =
    { $instrument ->
        [none] El { $date } devolvimos { $amount } por el mismo medio con el que pagó; los bancos lo muestran en 5 a 10 días.
       *[other] Devolvimos { $amount } a { $instrument } el { $date }; los bancos lo muestran en 5 a 10 días.
    }
refund-body = Se pagó por { $plan } en la factura { $invoice }. No hay que hacer nada.
refund-button = Ver la factura
refund-second = { "" }
