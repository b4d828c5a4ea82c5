# Die Worte jeder Mail auf Deutsch. Die Regeln stehen am Anfang von en.ftl.

## Wendungen innerhalb von Sätzen

card = { $brand } mit Endziffern { $last_four }
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

test-mode = Testmodus, Uhr auf { $date }
test-mode-note = { test-mode }. Es fließt kein echtes Geld.
why =
    { $customer ->
        [none] Sie erhalten diese Mail wegen { $plan } bei { $merchant }.
       *[other] Diese Mail ist für { $customer }, wegen { $plan } bei { $merchant }.
    }
reply = Fragen? Antworten Sie auf diese Mail; bei { $merchant } antwortet Ihnen ein Mensch.
zone = Datum und Uhrzeit gelten für { $city }.

## Namen der Angaben

fact-access-until = Offen bis
fact-amount = Betrag
fact-cancel-by = Ändern oder kündigen bis
fact-card = Karte
fact-confirm-by = Bestätigen bis
fact-credit-note = Gutschrift
fact-ends = Endet
fact-expires = Läuft ab
fact-first-charge = Erste Abbuchung
fact-invoice = Rechnung
fact-last-charge = Letzte Abbuchung
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
fact-refund = Erstattung
fact-reopen-by = Wieder zu öffnen bis
fact-since = Ruht seit
fact-tax = Enthaltene Steuer
fact-withdraw-until = Widerrufsrecht bis

## Ein Abonnement hat begonnen

welcome-subject = { $plan } hat begonnen
welcome-preheader =
    { $paid ->
        [none] Kostenlos bis { $next_charge }, dann { $price }; jederzeit online kündbar.
       *[other] Heute { $paid }, dann { $price }; jederzeit online kündbar.
    }
welcome-heading = Willkommen
welcome-first =
    { $paid ->
        [none] Vielen Dank: { $plan } steht Ihnen offen, und vor dem { $next_charge } wird nichts abgebucht.
       *[other] Vielen Dank: { $plan } steht Ihnen offen, und wir haben { $paid } von { $instrument } abgebucht.
    }
welcome-body = Es läuft von selbst weiter, bis Sie kündigen; das geht jederzeit online.
welcome-button = { $plan } öffnen
welcome-second = Abonnement ändern oder kündigen

## Eine kostenlose Testphase endet bald

trial_ending-subject = Ihre Testphase endet am { $ends_short }; danach { $amount }
trial_ending-preheader =
    { $instrument ->
        [none] Zum Weitermachen bitte eine Karte hinterlegen. Sonst ist nichts zu tun.
       *[other] Wenn Sie bleiben, ist nichts zu tun. Kündigen geht mit zwei Klicks.
    }
trial_ending-heading = Ihre Testphase endet bald
trial_ending-first =
    { $instrument ->
        [none] Ihre kostenlose Testphase von { $plan } endet am { $ends }, und es ist noch keine Karte hinterlegt, von der wir { $amount } abbuchen können.
       *[other] Ihre kostenlose Testphase von { $plan } endet am { $ends }, und an diesem Tag buchen wir die ersten { $amount } von { $instrument } ab.
    }
trial_ending-body =
    { $instrument ->
        [none] Hinterlegen Sie eine Karte, wenn Sie bleiben möchten. Wenn Sie nichts tun, endet es und kostet nichts.
       *[other] Wenn Sie bleiben möchten, ist nichts zu tun. Wenn nicht, kündigen Sie vor diesem Tag, und es kostet nichts.
    }
trial_ending-button =
    { $instrument ->
        [none] Karte hinterlegen
       *[other] Kündigen oder behalten
    }
trial_ending-second = { "" }

## Ein langer Zeitraum verlängert sich bald

upcoming_renewal-subject = { $plan } verlängert sich am { $date_short } für { $amount }
upcoming_renewal-preheader = Von { $instrument }. Bis dahin können Sie ändern oder kündigen.
upcoming_renewal-heading = Ihre Verlängerung
upcoming_renewal-first =
    { $compared ->
        [same] { $plan } verlängert sich am { $date } für { $amount }, wie beim letzten Mal.
        [changed] { $plan } verlängert sich am { $date } für { $amount }; beim letzten Mal waren es { $previous }.
       *[first] { $plan } verlängert sich am { $date } für { $amount }.
    }
upcoming_renewal-body = Wenn Sie bleiben, ist nichts zu tun: Wir buchen den Betrag an diesem Tag von { $instrument } ab.
upcoming_renewal-button = Verlängerung ansehen oder kündigen
upcoming_renewal-second = { "" }

## Geld wurde abgebucht

receipt-subject = Beleg: { $amount } für { $plan }, { $date_short }
receipt-preheader =
    { $next_charge ->
        [none] Rechnung { $invoice }. Dafür wird nichts weiter abgebucht.
       *[other] Rechnung { $invoice }. Als Nächstes: { $next_charge }.
    }
receipt-heading = Beleg
receipt-first = Wir haben am { $date } { $amount } von { $instrument } erhalten.
receipt-body = Vielen Dank. Es ist nichts zu tun; die Rechnung bleibt für Sie online.
receipt-button = Rechnung ansehen
receipt-second = { "" }

## Eine Abbuchung wurde abgelehnt

payment_failed-subject = { $amount } für { $plan }: nicht abgebucht
payment_failed-preheader =
    { $next_try ->
        [none] Bitte zahlen Sie oder ändern Sie die Karte; es dauert eine Minute.
       *[other] Wir versuchen es am { $next_try_short } wieder; Sie können auch jetzt zahlen.
    }
payment_failed-heading = Eine Zahlung ging nicht durch
payment_failed-first =
    { $advice ->
        [not_enough_money] Ihre Bank hat { $amount } für { $plan } am { $date } abgelehnt, weil nicht genug Geld da war.
        [ask_your_bank] Ihre Bank hat { $amount } für { $plan } am { $date } abgelehnt, weil sie erst von Ihnen hören möchte.
        [new_card] Ihre Bank hat { $amount } für { $plan } am { $date } abgelehnt, weil { $instrument } nicht mehr gilt.
        [technical] Wir konnten { $amount } für { $plan } am { $date } nicht abbuchen, weil der Weg zu Ihrer Bank gestört war.
       *[bank_did_not_say] Ihre Bank hat { $amount } für { $plan } am { $date } abgelehnt und nicht gesagt, warum.
    }
payment_failed-body =
    { $advice ->
        [not_enough_money] Bitte sorgen Sie dafür, dass genug da ist, oder zahlen Sie mit einer anderen Karte.
        [ask_your_bank] Bitte rufen Sie Ihre Bank an und geben Sie die Zahlung frei, oder zahlen Sie mit einer anderen Karte.
        [new_card] Bitte hinterlegen Sie eine neue Karte. Mit der alten versuchen wir es nicht mehr.
        [technical] Es lag nicht an Ihnen, und Sie müssen nichts tun. Wenn Sie möchten, können Sie jetzt zahlen.
       *[bank_did_not_say] Bitte fragen Sie Ihre Bank danach, oder zahlen Sie mit einer anderen Karte.
    }

    { $next_try ->
        [none] { $access_until ->
            [none] Von selbst versuchen wir es nicht wieder.
           *[other] Von selbst versuchen wir es nicht wieder; alles bleibt offen bis { $access_until }.
        }
       *[other] { $access_until ->
            [none] Von selbst versuchen wir es am { $next_try } wieder.
           *[other] Von selbst versuchen wir es am { $next_try } wieder; alles bleibt offen bis { $access_until }.
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
       *[other] Öffnen Sie die Seite unten und folgen Sie den Schritten Ihrer Bank. Alles bleibt offen bis { $confirm_by }.
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
recovered-first = Ihre Zahlung von { $amount } ging am { $date } durch, und weitere Versuche entfallen.
recovered-body = { $plan } bleibt offen wie bisher. Vielen Dank.
recovered-button = Rechnung ansehen
recovered-second = { "" }

## Der Zugang ruht, bis etwas bezahlt ist

suspended-subject = { $plan } ruht: { $amount } sind offen
suspended-preheader =
    { $reopen_by ->
        [none] Zahlen Sie { $amount }, und es öffnet sich sofort wieder.
       *[other] Zahlen Sie { $amount } bis { $reopen_by_short }, und es öffnet sich sofort wieder.
    }
suspended-heading = Ihr Zugang ruht
suspended-first =
    { $tries ->
        [one] Wir konnten { $amount } für { $plan } nicht abbuchen; deshalb ruht der Zugang seit { $since }.
       *[other] Wir konnten { $amount } für { $plan } in { $tries } Versuchen nicht abbuchen; deshalb ruht der Zugang seit { $since }.
    }
suspended-body =
    { $reopen_by ->
        [none] Sobald es bezahlt ist, öffnet sich alles wieder.
       *[other] Sobald es bezahlt ist, öffnet sich alles wieder. Das geht bis { $reopen_by }.
    }
suspended-button = Zahlen und wieder öffnen
suspended-second = Abonnement kündigen

## Ein Abonnement endet oder ist beendet

cancelled-subject =
    { $ended ->
        [yes] { $plan } ist beendet, { $ends_short }
       *[no] { $plan } ist gekündigt; offen bis { $ends_short }
    }
cancelled-preheader =
    { $open ->
        [none] { $by ->
            [customer] Eingegangen: { $received }. Es wird nichts mehr abgebucht.
           *[other] Es wird nichts mehr abgebucht; Ihre Rechnungen bleiben online.
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
            [yes] Ihre Kündigung ist eingegangen ({ $received }), und { $plan } endete am { $ends }.
           *[no] Ihre Kündigung ist eingegangen ({ $received }), und { $plan } endet am { $ends }.
        }
        [dunning] { $ended ->
            [yes] { $plan } endete am { $ends }, weil die Zahlung nicht durchging.
           *[no] { $plan } endet am { $ends }, weil die Zahlung nicht durchging.
        }
       *[merchant] { $ended ->
            [yes] { $merchant } hat { $plan } am { $ends } beendet.
           *[no] { $merchant } beendet { $plan } am { $ends }.
        }
    }
cancelled-body =
    { $refund ->
        [none] { $open ->
            [none] Es wird nichts mehr abgebucht.
           *[other] Nichts Neues wird abgebucht; { $open } einer früheren Rechnung sind noch offen.
        }
       *[other] Es wird nichts mehr abgebucht, und wir erstatten Ihnen { $refund }.
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

## Preis oder Tarif ändern sich

plan_changing-subject =
    { $change ->
        [plan] { $plan } ändert sich am { $date_short }: { $new_amount }
       *[price] Ab { $date_short } kostet { $plan } { $new_amount }
    }
plan_changing-preheader = Bisher { $old_price }. Sie können vorher kostenlos kündigen.
plan_changing-heading =
    { $change ->
        [plan] Ihr Tarif ändert sich
       *[price] Ihr Preis ändert sich
    }
plan_changing-first =
    { $change ->
        [plan] Ab Ihrer Verlängerung am { $date } wird aus { $plan } { $new_plan } und kostet { $new_price } statt { $old_price }.
       *[price] Ab Ihrer Verlängerung am { $date } kostet { $plan } { $new_price } statt { $old_price }.
    }
plan_changing-body = Wenn es Ihnen recht ist, ist nichts zu tun. Wenn nicht, ändern oder kündigen Sie vor diesem Tag; das kostet Sie nichts.
plan_changing-button = Behalten, ändern oder kündigen
plan_changing-second = { "" }

## Geld geht zurück

refund-subject = { $amount } sind auf dem Weg zurück zu Ihnen
refund-preheader =
    { $credit_note ->
        [none] Auf { $instrument }, für { $plan }.
       *[other] Gutschrift { $credit_note }, auf { $instrument }.
    }
refund-heading = Ihre Erstattung
refund-first = Wir haben am { $date } { $amount } auf { $instrument } zurückgesandt; Banken zeigen es nach 5 bis 10 Tagen.
refund-body = Der Betrag gehört zu { $plan }, Rechnung { $invoice }. Es ist nichts zu tun.
refund-button =
    { $credit_note ->
        [none] Rechnung ansehen
       *[other] Gutschrift ansehen
    }
refund-second = { "" }
