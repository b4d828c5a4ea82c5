# The words of the pay pages, in English. Variables that may be absent read "none".

## Phrases that stand inside sentences

card = { $brand } ending { $last_four }
price =
    { $unit ->
        [day] { $count ->
            [one] { $amount } a day
           *[other] { $amount } every { $count } days
        }
        [week] { $count ->
            [one] { $amount } a week
           *[other] { $amount } every { $count } weeks
        }
        [year] { $count ->
            [one] { $amount } a year
           *[other] { $amount } every { $count } years
        }
       *[month] { $count ->
            [one] { $amount } a month
           *[other] { $amount } every { $count } months
        }
    }
lines-of = { $unit } × { $quantity }

## The frame

skip = Skip to the content
test-mode = Test mode, clock at { $date }. No real money moves.
contact = Questions, or not for you? Write to { $merchant }:
portal = Go to { $merchant }
zone = Dates are those of { $city }.

## Titles of an invoice's page

title-open = { $amount } is still open for { $subject }
title-planned = { $amount } for { $subject }
title-under-way = { $amount } for { $subject } is under way
title-go-on = { $amount } for { $subject }: one step is left
title-paid = { $amount } for { $subject } is paid
title-void = Nothing is owed for { $subject } any more
title-written-off = { $subject }: nothing is asked for any more

## What went wrong

trouble-not_enough_money =
    { $card ->
        [none] Your bank declined the payment on { $date }: there was not enough money.
       *[other] Your bank declined { $card } on { $date }: there was not enough money.
    }
trouble-ask_your_bank =
    { $card ->
        [none] Your bank did not allow the payment on { $date }. It wants you to confirm it, or to be asked.
       *[other] Your bank did not allow the payment from { $card } on { $date }. It wants you to confirm it, or to be asked.
    }
trouble-new_card =
    { $card ->
        [none] We have no card that works. Please pay with another one.
       *[other] { $card } does not work any more. Please pay with another card.
    }
trouble-bank_did_not_say =
    { $card ->
        [none] Your bank declined the payment on { $date } and did not say why. Ask it, or pay with another card.
       *[other] Your bank declined { $card } on { $date } and did not say why. Ask it, or pay with another card.
    }
trouble-technical =
    { $card ->
        [none] The payment of { $date } failed for a technical reason, not because of you.
       *[other] The payment from { $card } on { $date } failed for a technical reason, not because of you.
    }
last-try = Last try: { $time }.

## What comes next

lead-paid =
    { $date ->
        [none] Thank you. There is nothing more to do.
       *[other] Thank you. We received it on { $date }, and there is nothing more to do.
    }
lead-void = The invoice was taken back. There is nothing to do.
lead-written-off = The invoice was closed without a payment. There is nothing to do here.
lead-planned-now =
    { $card ->
        [none] We are just taking it. There is nothing to do; look again in a moment.
       *[other] We are just taking it from { $card }. There is nothing to do; look again in a moment.
    }
lead-planned =
    { $card ->
        [none] We take it on { $date }. There is nothing to do.
       *[other] We take it from { $card } on { $date }. There is nothing to do.
    }
lead-no-answer = Your bank has not answered yet. Do not pay again: we find out, and write to you.
lead-with-the-bank = Your bank has accepted the payment and settles it within some days. Do not pay again: we write to you when it has come.
lead-go-on = You have begun to pay. Go on where you left it; nothing is taken twice.
lead-cannot-pay = It cannot be paid on this page. Please write to { $merchant }.
next-try = We try again on { $date }. If you pay now, that try is dropped.
look-again = Look again
go-on = Go on

## Facts

fact-invoice = Invoice
fact-period = Period
fact-access-until = Open until
lines-caption = What it is for
lines-what = For
lines-amount = Amount
lines-total = Total
why = Why?
why-once = { $quantity } × { $unit }, bought once.
why-day = { $quantity } × { $unit } for { $first }.
why-cycle = { $quantity } × { $unit } for { $first } to { $last }.
why-part = { $quantity } × { $unit } for { $first } to { $last }: { $days } of the { $of } days of a whole period.

## The form

choice-legend = How do you want to pay?
choice-page = With a card of your choice
choice-again = Try { $card } again
consent = Use this card for later payments of { $plan }, { $price }, until I cancel.
pay = Pay { $amount }
card-entry = You enter the card on the payment provider's own page. We never see its number.

## Storing a card

card-title = Store a card for { $merchant }
card-lead = Nothing is charged now. From then on the card pays for all that you subscribe to at { $merchant }, until you cancel.
card-button = Store a card
card-stored-title = { $card } is stored
card-stored-lead = From now on it pays for all that you subscribe to at { $merchant }. An amount that is open is taken from it.
card-open-title = The card is not stored yet
card-open-lead = You left the payment provider's page before the end. Nothing was changed.
card-failed-title = No card was stored
card-failed-lead = The bank did not allow it, or you left the page. Open the link in our mail again to try another card.

## On the way to the payment provider

hand-over-title = On to the payment provider
hand-over-lead = If nothing happens, follow this link.

## Notices

note-unreachable = The payment provider's page did not open. Nothing was charged; please try again in a minute.
note-under-way = A payment is under way already. Do not pay again.
note-not-offered = That is not possible just now. Please choose another way.
note-form = The page had been open for long. Nothing was done; please press the button again.

## Other pages

missing-title = There is no such page
missing-lead = The link may have been cut. Please copy the whole of it from the mail.
expired-title = This link is too old
expired-lead = Links in our mails do not hold for ever. Nothing was changed; please write to { $merchant } for a new one.
forbidden-title = This did not come from our page
forbidden-lead = Nothing was done. Please open the link in the mail again.
busy-title = Too many at once
busy-lead = Please wait a minute, then look again.
broken-title = Something is out of order on our side
broken-lead = No charge was started. Please try again in a minute.
broken-return-lead = We are finding out how the payment stands. Do not pay again; look again in a minute.
reference = If you write to us, name { $reference }.
