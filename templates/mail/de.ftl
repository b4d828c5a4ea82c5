# Die Worte jeder Mail auf Deutsch. Die Regeln stehen am Anfang von en.ftl.

## Wendungen innerhalb von Sätzen

card = { $brand } mit Endziffern { $last_four }
free = Kostenlos
charge = { $amount } am { $date }
moment = { $date }, { $time } Uhr ({ $city })
price =
    { $unit ->
        [day] { $count ->
            [one] { $amount } pro Tag
           *[other] { $amount } alle { $count } Tage
        }
        [week] { $count ->
            [one] { $amount } pro Woche
           *[other] { $amount } alle { $count } Wochen
        }
        [year] { $count ->
            [one] { $amount } pro Jahr
           *[other] { $amount } alle { $count } Jahre
        }
       *[month] { $count ->
            [one] { $amount } pro Monat
           *[other] { $amount } alle { $count } Monate
        }
    }

## Der Rahmen

test-mark = Test
test-mode = Testmodus, die Uhr steht auf dem { $date }. Es fließt kein echtes Geld.
why =
    { $customer ->
        [none] Sie erhalten diese Mail wegen { $plan } bei { $merchant }.
       *[other] Diese Mail ist für { $customer }, wegen { $plan } bei { $merchant }.
    }
reply = Fragen? Antworten Sie auf diese Mail; bei { $merchant } antwortet Ihnen ein Mensch.
no-portal = Wenn Sie etwas ändern oder kündigen möchten, antworten Sie auf diese Mail; { $merchant } kümmert sich darum.
zone = Datum und Uhrzeit nach der Zeit von { $city }.

## Namen der Angaben

fact-access-until = Offen bis
fact-amount = Betrag
fact-cancel-by = Ändern oder kündigen bis
fact-card = Karte
fact-confirm-by = Bestätigen bis
fact-ends = Ende
fact-expires = Läuft ab
fact-first-charge = Erste Abbuchung
fact-instrument = Zahlungsart
fact-invoice = Rechnung
fact-new-plan = Neuer Tarif
fact-new-price = Neuer Preis
fact-next-charge = Nächste Abbuchung
fact-next-try = Nächster Versuch
fact-old-price = Preis bisher
fact-open = Noch offen
fact-period = Zeitraum
fact-plan = Für
fact-price = Preis
fact-received = Eingegangen
fact-reference = Referenz
fact-since = Ruht seit

## Ein Abonnement hat begonnen

welcome-subject = { $plan } hat begonnen
welcome-preheader =
    { $paid ->
        [none] { $next_charge ->
            [none] { $price }. Kündigen können Sie jederzeit, so leicht wie bestellen.
           *[other] Kostenlos bis { $next_charge }, dann { $price }; jederzeit kündbar.
        }
       *[other] Heute { $paid }, dann { $price }; jederzeit kündbar.
    }
welcome-heading = Willkommen
welcome-first =
    { $paid ->
        [none] { $next_charge ->
            [none] Vielen Dank: { $plan } steht Ihnen offen.
           *[other] Vielen Dank: { $plan } steht Ihnen offen, und vor dem { $next_charge } wird nichts abgebucht.
        }
       *[other] { $instrument ->
            [none] Vielen Dank: { $plan } steht Ihnen offen, und wir haben { $paid } erhalten.
           *[other] Vielen Dank: { $plan } steht Ihnen offen, und wir haben { $paid } von { $instrument } abgebucht.
        }
    }
welcome-body = Es läuft von selbst weiter, bis Sie kündigen; das geht jederzeit.
welcome-button = { $plan } öffnen
welcome-second = Abonnement ändern oder kündigen

## Eine kostenlose Testphase endet bald

trial_ending-subject = Ihre Testphase endet am { $ends_short }; danach { $price }
trial_ending-preheader =
    { $instrument ->
        [none] Wenn Sie bleiben möchten, hinterlegen Sie bitte vorher eine Karte.
       *[other] Wenn Sie bleiben, ist nichts zu tun. Kündigen Sie vorher, kostet es nichts.
    }
trial_ending-heading = Ihre Testphase endet bald
trial_ending-first =
    { $instrument ->
        [none] Ihre kostenlose Testphase von { $plan } endet am { $ends }, und es ist noch keine Karte hinterlegt, von der wir { $amount } abbuchen können.
       *[other] Ihre kostenlose Testphase von { $plan } endet am { $ends }, und an diesem Tag buchen wir die ersten { $amount } von { $instrument } ab.
    }
trial_ending-body =
    { $instrument ->
        [none] Bitte hinterlegen Sie eine Karte, wenn Sie bleiben möchten. Wenn nicht, kündigen Sie vor diesem Tag, und es kostet nichts.
       *[other] Wenn Sie bleiben möchten, ist nichts zu tun. Wenn nicht, kündigen Sie vor diesem Tag, und es kostet nichts.
    }
trial_ending-button =
    { $instrument ->
        [none] Karte hinterlegen
       *[other] Kündigen oder behalten
    }
trial_ending-second = Testphase kündigen

## Ein langer Zeitraum verlängert sich bald

upcoming_renewal-subject = { $plan } verlängert sich am { $date_short } für { $amount }
upcoming_renewal-preheader =
    { $instrument ->
        [none] Es ist noch keine Karte hinterlegt. Bis dahin können Sie kündigen.
       *[other] Von { $instrument }. Bis dahin können Sie ändern oder kündigen.
    }
upcoming_renewal-heading = Ihre Verlängerung
upcoming_renewal-first =
    { $compared ->
        [same] { $plan } verlängert sich am { $date } für { $amount }, wie beim letzten Mal.
        [changed] { $plan } verlängert sich am { $date } für { $amount }; beim letzten Mal waren es { $previous }.
       *[first] { $plan } verlängert sich am { $date } für { $amount }.
    }
upcoming_renewal-body =
    { $instrument ->
        [none] Es ist noch keine Karte hinterlegt: Bitte hinterlegen Sie eine, wenn Sie bleiben möchten. Wenn nicht, kündigen Sie vor diesem Tag.
       *[other] Wenn Sie bleiben, ist nichts zu tun: Wir buchen den Betrag an diesem Tag von { $instrument } ab.
    }
upcoming_renewal-button =
    { $instrument ->
        [none] Karte hinterlegen
       *[other] Verlängerung ansehen oder kündigen
    }
upcoming_renewal-second = Verlängerung ansehen oder kündigen

## Geld wurde abgebucht

receipt-subject = Beleg: { $amount } für { $plan }, { $date_short }
receipt-preheader =
    { $next_charge ->
        [none] Rechnung { $invoice }. Dafür wird nichts weiter abgebucht.
       *[other] Rechnung { $invoice }. Als Nächstes: { $next_charge }.
    }
receipt-heading = Beleg
receipt-first =
    { $instrument ->
        [none] Wir haben { $amount } für { $plan } am { $date } erhalten.
       *[other] Wir haben { $amount } von { $instrument } am { $date } erhalten.
    }
receipt-body = Vielen Dank. Es ist nichts zu tun.
receipt-button = Rechnung ansehen
receipt-second = { "" }

## Eine Abbuchung wurde abgelehnt

payment_failed-subject =
    { $final ->
        [yes] { $access_until ->
            [none] Letzte Erinnerung: { $amount } für { $plan } offen
           *[other] Letzte Erinnerung: Zugang endet am { $access_until_short }
        }
       *[no] { $what ->
            [taken_back] Ihre Bank hat { $amount } für { $plan } zurückgeholt
           *[declined] { $amount } für { $plan } nicht abgebucht
        }
    }
payment_failed-preheader =
    { $final ->
        [yes] Bitte zahlen Sie { $amount } oder ändern Sie die Karte; es dauert eine Minute.
       *[no] { $advice ->
            [new_card] Bitte zahlen Sie oder ändern Sie die Karte; es dauert eine Minute.
           *[other] { $next_try ->
                [none] Bitte zahlen Sie oder ändern Sie die Karte; es dauert eine Minute.
               *[other] Am { $next_try_short } versuchen wir es noch einmal; Sie können auch jetzt zahlen.
            }
        }
    }
payment_failed-heading =
    { $final ->
        [yes] Letzte Erinnerung
       *[no] { $what ->
            [taken_back] Eine Zahlung wurde zurückgeholt
           *[declined] Eine Zahlung ist nicht gelungen
        }
    }
payment_failed-first =
    { $final ->
        [yes] { $access_until ->
            [none] Dies ist unsere letzte Erinnerung: { $amount } für { $plan } sind noch offen.
           *[other] Dies ist unsere letzte Erinnerung: { $amount } für { $plan } sind noch offen, und ohne Zahlung endet Ihr Zugang am { $access_until }.
        }
       *[no] { $what ->
            [taken_back] { $advice ->
                [not_enough_money] Ihre Bank hat { $amount } für { $plan } am { $date } zurückgeholt, weil das Konto nicht gedeckt war.
               *[other] Sie hatten { $amount } für { $plan } bezahlt, und Ihre Bank hat den Betrag am { $date } zurückgeholt. Die Rechnung ist wieder offen.
            }
           *[declined] { $advice ->
                [not_enough_money] Ihre Bank hat { $amount } für { $plan } am { $date } abgelehnt, weil das Konto nicht gedeckt war.
                [ask_your_bank] Ihre Bank hat { $amount } für { $plan } am { $date } abgelehnt, weil sie erst von Ihnen hören möchte.
                [new_card] { $instrument ->
                    [none] Wir konnten { $amount } für { $plan } am { $date } nicht abbuchen, weil uns keine gültige Karte von Ihnen vorliegt.
                   *[other] Wir konnten { $amount } für { $plan } am { $date } nicht abbuchen, weil { $instrument } nicht mehr verwendet werden kann.
                }
                [technical] Wir konnten { $amount } für { $plan } am { $date } nicht abbuchen, weil die Verbindung zu Ihrer Bank gestört war.
               *[bank_did_not_say] Ihre Bank hat { $amount } für { $plan } am { $date } abgelehnt und nicht gesagt, warum.
            }
        }
    }
payment_failed-body =
    { $advice ->
        [not_enough_money] Bitte sorgen Sie für Deckung, oder zahlen Sie mit einer anderen Karte.
        [ask_your_bank] Bitte rufen Sie Ihre Bank an und geben Sie die Zahlung frei, oder zahlen Sie mit einer anderen Karte.
        [new_card] { $what ->
            [taken_back] Bitte zahlen Sie unten, oder hinterlegen Sie eine andere Karte. Was Ihre Bank zurückgeholt hat, buchen wir nicht noch einmal so ab.
           *[declined] { $instrument ->
                [none] Bitte hinterlegen Sie eine Karte.
               *[other] Bitte hinterlegen Sie eine neue Karte. Mit der alten versuchen wir es nicht mehr.
            }
        }
        [technical] { $final ->
            [yes] Es lag nicht an Ihnen. Bitte zahlen Sie unten; es dauert etwa eine Minute.
           *[no] { $next_try ->
                [none] Es lag nicht an Ihnen. Bitte zahlen Sie unten; es dauert etwa eine Minute.
               *[other] Es lag nicht an Ihnen, und Sie müssen nichts tun. Wenn Sie möchten, können Sie jetzt zahlen.
            }
        }
       *[bank_did_not_say] Bitte fragen Sie bei Ihrer Bank nach, oder zahlen Sie mit einer anderen Karte.
    }

    { $next_try ->
        [none] { $access_until ->
            [none] { $lapses ->
                [none] Von selbst versuchen wir es nicht noch einmal.
               *[other] Von selbst versuchen wir es nicht noch einmal. Ihr Abonnement hat noch nicht begonnen: Zahlen Sie oder hinterlegen Sie eine Karte bis { $lapses }, sonst endet es und kostet Sie nichts.
            }
           *[other] Von selbst versuchen wir es nicht noch einmal; bis { $access_until } bleibt alles offen.
        }
       *[other] { $advice ->
            [new_card] { $access_until ->
                [none] Am { $next_try } versuchen wir es von selbst mit Ihrer anderen Zahlungsart.
               *[other] Am { $next_try } versuchen wir es von selbst mit Ihrer anderen Zahlungsart; bis { $access_until } bleibt alles offen.
            }
           *[other] { $access_until ->
                [none] Am { $next_try } versuchen wir es von selbst noch einmal.
               *[other] Am { $next_try } versuchen wir es von selbst noch einmal; bis { $access_until } bleibt alles offen.
            }
        }
    }
payment_failed-button =
    { $advice ->
        [technical] Jetzt zahlen
       *[other] Zahlen oder Karte ändern
    }
payment_failed-second = Abonnement kündigen

## Die Bank verlangt eine Bestätigung

authentication_needed-subject = Bitte bestätigen Sie { $amount } bei Ihrer Bank
authentication_needed-preheader = Ihre Bank verlangt es; es dauert etwa eine Minute.
authentication_needed-heading = Bitte bestätigen Sie eine Zahlung
authentication_needed-first = Ihre Bank möchte, dass Sie die Zahlung von { $amount } für { $plan } bestätigen, bevor sie durchgeht.
authentication_needed-body =
    { $confirm_by ->
        [none] Öffnen Sie die Seite unten und folgen Sie den Schritten Ihrer Bank. Ohne Sie wird nichts abgebucht.
       *[other] Öffnen Sie die Seite unten und folgen Sie den Schritten Ihrer Bank. Bis { $confirm_by } bleibt alles offen.
    }
authentication_needed-button = Zahlung bestätigen
authentication_needed-second = Abonnement kündigen

## Die Karte läuft vor der nächsten Abbuchung ab

card_expiring-subject = { $card } läuft im { $expires } ab
card_expiring-preheader = { $plan } braucht am { $date } eine gültige Karte.
card_expiring-heading = Ihre Karte läuft ab
card_expiring-first = Die Karte für { $plan }, { $card }, gilt bis Ende { $expires }, und Ihre Bank hat uns keine neue gemeldet.
card_expiring-body = Bitte hinterlegen Sie die neue Karte vor der nächsten Abbuchung, auch wenn die Nummer dieselbe ist.
card_expiring-button = Neue Karte hinterlegen
card_expiring-second = { "" }

## Eine abgelehnte Abbuchung ging doch durch

recovered-subject = Bezahlt: { $amount } für { $plan }
recovered-preheader = Alles ist wieder gut; es ist nichts mehr zu tun.
recovered-heading = Zahlung erhalten
recovered-first = Ihre Zahlung von { $amount } ist am { $date } eingegangen; weitere Versuche entfallen.
recovered-body = { $plan } bleibt offen wie bisher. Vielen Dank.
recovered-button = Rechnung ansehen
recovered-second = { "" }

## Der Zugang ruht, bis etwas bezahlt ist

suspended-subject = { $plan } ruht: { $amount } sind offen
suspended-preheader = Zahlen Sie { $amount }, und es öffnet sich sofort wieder.
suspended-heading = Ihr Zugang ruht
suspended-first =
    { $tries ->
        [0] { $amount } für { $plan } wurden nicht bezahlt; deshalb ruht der Zugang seit { $since }.
        [one] Wir konnten { $amount } für { $plan } nicht abbuchen; deshalb ruht der Zugang seit { $since }.
       *[other] Wir konnten { $amount } für { $plan } in { $tries } Versuchen nicht abbuchen; deshalb ruht der Zugang seit { $since }.
    }
suspended-body =
    { $again ->
        [no] { $ends ->
            [none] Sobald es bezahlt ist, öffnet sich alles wieder.
           *[other] Sobald es bezahlt ist, öffnet sich alles wieder. Ist es am { $ends } noch offen, endet das Abonnement.
        }
        [last] Sobald es bezahlt ist, öffnet sich alles wieder. Ein letztes Mal versuchen wir es von selbst am { $next_try }; gelingt es nicht, endet das Abonnement.
       *[yes] { $ends ->
            [none] Sobald es bezahlt ist, öffnet sich alles wieder. Am { $next_try } versuchen wir es von selbst noch einmal.
           *[other] Sobald es bezahlt ist, öffnet sich alles wieder. Am { $next_try } versuchen wir es von selbst noch einmal. Ist es am { $ends } noch offen, endet das Abonnement.
        }
    }
suspended-button = Zahlen und wieder öffnen
suspended-second = Abonnement kündigen

## Ein Abonnement endet oder ist beendet

cancelled-subject =
    { $ended ->
        [yes] { $plan } endete am { $ends_short }
       *[no] { $plan } ist gekündigt; offen bis { $ends_short }
    }
cancelled-preheader =
    { $open ->
        [none] { $by ->
            [customer] Eingegangen: { $received }. Es wird nichts mehr abgebucht.
           *[other] Es wird nichts mehr abgebucht, und Sie müssen nichts tun.
        }
       *[other] Nichts Neues wird abgebucht; { $open } einer früheren Rechnung sind offen.
    }
cancelled-heading =
    { $ended ->
        [yes] Ihr Abonnement ist beendet
       *[no] Ihr Abonnement ist gekündigt
    }
cancelled-first =
    { $by ->
        [customer] { $ended ->
            [yes] Ihre Kündigung ist am { $received } eingegangen, und { $plan } endete am { $ends }.
           *[no] Ihre Kündigung ist am { $received } eingegangen, und { $plan } endet am { $ends }.
        }
        [dunning] { $ended ->
            [yes] { $plan } endete am { $ends }, weil die Zahlung ausgeblieben ist.
           *[no] { $plan } endet am { $ends }, weil die Zahlung ausgeblieben ist.
        }
       *[merchant] { $ended ->
            [yes] { $merchant } hat { $plan } am { $ends } beendet.
           *[no] { $merchant } beendet { $plan } am { $ends }.
        }
    }
cancelled-body =
    { $open ->
        [none] Es wird nichts mehr abgebucht.
       *[other] Nichts Neues wird abgebucht; { $open } einer früheren Rechnung sind noch offen.
    }
cancelled-button =
    { $undo ->
        [yes] Kündigung zurücknehmen
       *[no] Rechnungen ansehen
    }
cancelled-second =
    { $undo ->
        [yes] Rechnungen ansehen
       *[no] { "" }
    }

## Das geplante Ende kommt nicht

cancellation_undone-subject = { $plan } läuft weiter
cancellation_undone-preheader = Die Kündigung ist zurückgenommen; Sie behalten, was Sie haben.
cancellation_undone-heading = Ihr Abonnement läuft weiter
cancellation_undone-first = Die Kündigung wurde am { $date } zurückgenommen: { $plan } läuft weiter wie bisher.
cancellation_undone-body = Es ist nichts zu tun; kündigen können Sie jederzeit.
cancellation_undone-button = Abonnement ansehen oder kündigen
cancellation_undone-second = { "" }

## Preis oder Tarif ändern sich

plan_changing-subject =
    { $change ->
        [plan] { $date_short ->
            [none] { $plan } ändert sich: { $new_amount }
           *[other] { $plan } ändert sich am { $date_short }: { $new_amount }
        }
        [kept] { $plan } bleibt, wie es ist: { $new_amount }
       *[price] { $date_short ->
            [none] { $plan } kostet bald { $new_amount }
           *[other] Ab { $date_short } kostet { $plan } { $new_amount }
        }
    }
plan_changing-preheader =
    { $change ->
        [kept] Die angekündigte Änderung entfällt. Es ist nichts zu tun.
       *[other] Bisher { $old_price }. Sie können vorher kostenlos kündigen.
    }
plan_changing-heading =
    { $change ->
        [plan] Ihr Tarif ändert sich
        [kept] Ihr Tarif bleibt, wie er ist
       *[price] Ihr Preis ändert sich
    }
plan_changing-first =
    { $change ->
        [plan] { $date ->
            [none] Ab Ihrer nächsten Verlängerung wird aus { $plan } { $new_plan } und kostet { $new_price } statt { $old_price }.
           *[other] Ab Ihrer Verlängerung am { $date } wird aus { $plan } { $new_plan } und kostet { $new_price } statt { $old_price }.
        }
        [kept] Die Änderung, die wir Ihnen angekündigt hatten, entfällt: { $plan } kostet weiterhin { $new_price }.
       *[price] { $date ->
            [none] Ab Ihrer nächsten Verlängerung kostet { $plan } { $new_price } statt { $old_price }.
           *[other] Ab Ihrer Verlängerung am { $date } kostet { $plan } { $new_price } statt { $old_price }.
        }
    }
plan_changing-body =
    { $change ->
        [kept] Es ist nichts zu tun.
       *[other] Wenn es Ihnen recht ist, ist nichts zu tun. Wenn nicht, ändern oder kündigen Sie vorher; das kostet Sie nichts.
    }
plan_changing-button = Behalten, ändern oder kündigen
plan_changing-second = { "" }

## Geld geht zurück

refund-subject = { $amount } sind auf dem Weg zurück zu Ihnen
refund-preheader =
    { $instrument ->
        [none] Für { $plan }, auf Ihrem damaligen Zahlungsweg.
       *[other] Auf { $instrument }, für { $plan }.
    }
refund-heading = Ihre Erstattung
refund-first =
    { $instrument ->
        [none] Wir haben { $amount } am { $date } auf Ihrem damaligen Zahlungsweg zurückgesandt; Banken zeigen es nach 5 bis 10 Tagen.
       *[other] Wir haben { $amount } am { $date } auf { $instrument } zurückgesandt; Banken zeigen es nach 5 bis 10 Tagen.
    }
refund-body = Der Betrag gehört zu { $plan }, Rechnung { $invoice }. Es ist nichts zu tun.
refund-button = Rechnung ansehen
refund-second = { "" }
