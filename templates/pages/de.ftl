# Die Worte der Zahlungsseiten auf Deutsch. Was fehlen kann, lautet dann "none".

## Wendungen innerhalb von Sätzen

card = { $brand } mit Endziffern { $last_four }
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
lines-of = { $unit } × { $quantity }

## Der Rahmen

skip = Zum Inhalt springen
test-mode = Testmodus, die Uhr steht auf dem { $date }. Es fließt kein echtes Geld.
contact = Fragen, oder nicht für Sie? Schreiben Sie an { $merchant }:
portal = Zu { $merchant }
zone = Zeitangaben gelten für { $city }.

## Titel der Seite einer Rechnung

title-open = { $amount } sind noch offen für { $subject }
title-planned = { $amount } für { $subject }
title-under-way = { $amount } für { $subject } sind unterwegs
title-go-on = { $amount } für { $subject }: ein Schritt fehlt noch
title-paid = { $amount } für { $subject } sind bezahlt
title-void = Für { $subject } ist nichts mehr offen
title-written-off = { $subject }: Es wird nichts mehr verlangt

## Was nicht gelungen ist

trouble-not_enough_money =
    { $card ->
        [none] Ihre Bank hat die Zahlung am { $date } abgelehnt: Es war nicht genug Geld da.
       *[other] Ihre Bank hat { $card } am { $date } abgelehnt: Es war nicht genug Geld da.
    }
trouble-ask_your_bank =
    { $card ->
        [none] Ihre Bank hat die Zahlung am { $date } nicht erlaubt. Sie will, dass Sie sie bestätigen oder nachfragen.
       *[other] Ihre Bank hat die Zahlung von { $card } am { $date } nicht erlaubt. Sie will, dass Sie sie bestätigen oder nachfragen.
    }
trouble-new_card =
    { $card ->
        [none] Wir haben keine Karte, die funktioniert. Bitte zahlen Sie mit einer anderen.
       *[other] { $card } funktioniert nicht mehr. Bitte zahlen Sie mit einer anderen Karte.
    }
trouble-bank_did_not_say =
    { $card ->
        [none] Ihre Bank hat die Zahlung am { $date } abgelehnt und nicht gesagt, warum. Fragen Sie dort nach, oder zahlen Sie mit einer anderen Karte.
       *[other] Ihre Bank hat { $card } am { $date } abgelehnt und nicht gesagt, warum. Fragen Sie dort nach, oder zahlen Sie mit einer anderen Karte.
    }
trouble-technical =
    { $card ->
        [none] Die Zahlung vom { $date } ist aus technischen Gründen misslungen, nicht Ihretwegen.
       *[other] Die Zahlung von { $card } am { $date } ist aus technischen Gründen misslungen, nicht Ihretwegen.
    }
last-try = Letzter Versuch: { $time } Uhr.

## Wie es weitergeht

lead-paid =
    { $date ->
        [none] Vielen Dank. Es ist nichts mehr zu tun.
       *[other] Vielen Dank. Wir haben den Betrag am { $date } erhalten; es ist nichts mehr zu tun.
    }
lead-void = Die Rechnung wurde zurückgenommen. Es ist nichts zu tun.
lead-written-off = Die Rechnung wurde ohne Zahlung geschlossen. Hier ist nichts zu tun.
lead-planned-now =
    { $card ->
        [none] Wir buchen den Betrag gerade ab. Es ist nichts zu tun; sehen Sie gleich noch einmal nach.
       *[other] Wir buchen den Betrag gerade von { $card } ab. Es ist nichts zu tun; sehen Sie gleich noch einmal nach.
    }
lead-planned =
    { $card ->
        [none] Wir buchen den Betrag am { $date } ab. Es ist nichts zu tun.
       *[other] Wir buchen den Betrag am { $date } von { $card } ab. Es ist nichts zu tun.
    }
lead-no-answer = Ihre Bank hat noch nicht geantwortet. Zahlen Sie nicht noch einmal: Wir klären es und schreiben Ihnen.
lead-with-the-bank = Ihre Bank hat die Zahlung angenommen und führt sie in den nächsten Tagen aus. Zahlen Sie nicht noch einmal: Wir schreiben Ihnen, wenn das Geld da ist.
lead-go-on = Sie haben angefangen zu zahlen. Machen Sie dort weiter, wo Sie waren; nichts wird doppelt abgebucht.
lead-cannot-pay = Auf dieser Seite kann der Betrag nicht gezahlt werden. Bitte schreiben Sie an { $merchant }.
next-try = Wir versuchen es am { $date } noch einmal. Wenn Sie jetzt zahlen, entfällt das.
look-again = Noch einmal nachsehen
go-on = Weiter

## Angaben

fact-invoice = Rechnung
fact-period = Zeitraum
fact-access-until = Offen bis
lines-caption = Wofür
lines-what = Für
lines-amount = Betrag
lines-total = Summe
why = Warum?
why-once = { $quantity } × { $unit }, einmal gekauft.
why-day = { $quantity } × { $unit } für den { $first }.
why-cycle = { $quantity } × { $unit } vom { $first } bis zum { $last }.
why-part = { $quantity } × { $unit } vom { $first } bis zum { $last }: { $days } von { $of } Tagen eines ganzen Zeitraums.

## Das Formular

choice-legend = Wie möchten Sie zahlen?
choice-page = Mit einer Karte Ihrer Wahl
choice-again = { $card } noch einmal versuchen
consent = Diese Karte auch für spätere Zahlungen von { $plan } verwenden, { $price }, bis ich kündige.
pay = { $amount } zahlen
card-entry = Die Karte geben Sie auf der Seite des Zahlungsdienstes ein. Wir sehen ihre Nummer nie.

## Eine Karte hinterlegen

card-title = Eine Karte bei { $merchant } hinterlegen
card-lead = Jetzt wird nichts abgebucht. Von da an zahlt die Karte alles, was Sie bei { $merchant } abonniert haben, bis Sie kündigen.
card-button = Karte hinterlegen
card-stored-title = { $card } ist hinterlegt
card-stored-lead = Von jetzt an zahlt sie alles, was Sie bei { $merchant } abonniert haben. Ein offener Betrag wird von ihr abgebucht.
card-open-title = Die Karte ist noch nicht hinterlegt
card-open-lead = Sie haben die Seite des Zahlungsdienstes vorher verlassen. Es wurde nichts geändert.
card-failed-title = Es wurde keine Karte hinterlegt
card-failed-lead = Die Bank hat es nicht erlaubt, oder Sie haben die Seite verlassen. Öffnen Sie den Link in unserer Mail noch einmal, um eine andere Karte zu nehmen.

## Auf dem Weg zum Zahlungsdienst

hand-over-title = Weiter zum Zahlungsdienst
hand-over-lead = Wenn nichts geschieht, folgen Sie diesem Link.

## Hinweise

note-unreachable = Die Seite des Zahlungsdienstes hat sich nicht geöffnet. Es wurde nichts abgebucht; bitte versuchen Sie es in einer Minute noch einmal.
note-under-way = Eine Zahlung ist schon unterwegs. Zahlen Sie nicht noch einmal.
note-not-offered = Das ist gerade nicht möglich. Bitte wählen Sie einen anderen Weg.
note-form = Die Seite war lange offen. Es wurde nichts getan; bitte drücken Sie noch einmal.

## Andere Seiten

missing-title = Diese Seite gibt es nicht
missing-lead = Vielleicht ist der Link abgeschnitten. Bitte kopieren Sie ihn ganz aus der Mail.
expired-title = Dieser Link ist zu alt
expired-lead = Links in unseren Mails gelten nicht für immer. Es wurde nichts geändert; bitte schreiben Sie an { $merchant } um einen neuen.
forbidden-title = Das kam nicht von unserer Seite
forbidden-lead = Es wurde nichts getan. Bitte öffnen Sie den Link in der Mail noch einmal.
busy-title = Zu viel auf einmal
busy-lead = Bitte warten Sie eine Minute, und sehen Sie dann noch einmal nach.
broken-title = Bei uns ist etwas nicht in Ordnung
broken-lead = Es wurde keine Zahlung begonnen. Bitte versuchen Sie es in einer Minute noch einmal.
broken-return-lead = Wir klären, wie es um die Zahlung steht. Zahlen Sie nicht noch einmal; sehen Sie in einer Minute nach.
reference = Wenn Sie uns schreiben, nennen Sie { $reference }.
