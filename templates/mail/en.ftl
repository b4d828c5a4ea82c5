# The words of every mail, in English. docs/mail.md tells how to change them.
# Variables that may be absent read "none". Subjects: at most 60 characters, with the amount or the
# date; preheaders: 40 to 90; a blank line in a body starts a new paragraph.

## Phrases that stand inside sentences

card = { $brand } ending { $last_four }
free = Free
charge = { $amount } on { $date }
moment = { $date }, { $time } ({ $city })
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

## The frame

test-mark = Test
test-mode = Test mode, clock at { $date }. No real money moves.
why =
    { $customer ->
        [none] You get this mail because of { $plan } at { $merchant }.
       *[other] This mail is for { $customer }, because of { $plan } at { $merchant }.
    }
reply = Questions? Reply to this mail, and a person at { $merchant } answers.
no-portal = To change or cancel anything, reply to this mail; a person at { $merchant } sees to it.
zone = Dates and times are those of { $city }.

## Names of facts

fact-access-until = Open until
fact-amount = Amount
fact-cancel-by = Change or cancel by
fact-card = Card
fact-confirm-by = Confirm by
fact-ends = End
fact-expires = Expires
fact-first-charge = First charge
fact-instrument = Payment method
fact-invoice = Invoice
fact-new-plan = New plan
fact-new-price = New price
fact-next-charge = Next charge
fact-next-try = Next try
fact-old-price = Price now
fact-open = Still open
fact-period = Period
fact-plan = For
fact-price = Price
fact-received = Received
fact-reference = Reference
fact-since = On hold since

## A subscription has started

welcome-subject = { $plan } has started
welcome-preheader =
    { $paid ->
        [none] { $next_charge ->
            [none] { $price }. You can cancel at any time, as easily as you joined.
           *[other] Free until { $next_charge }, then { $price }; cancel at any time.
        }
       *[other] { $paid } today, then { $price }; cancel at any time.
    }
welcome-heading = Welcome
welcome-first =
    { $paid ->
        [none] { $next_charge ->
            [none] Thank you: { $plan } is open for you.
           *[other] Thank you: { $plan } is open for you, and nothing is taken before { $next_charge }.
        }
       *[other] { $instrument ->
            [none] Thank you: { $plan } is open for you, and we have received { $paid }.
           *[other] Thank you: { $plan } is open for you, and we have taken { $paid } from { $instrument }.
        }
    }
welcome-body = It goes on by itself until you cancel, which you can do at any time.
welcome-button = Open { $plan }
welcome-second = Change or cancel the subscription

## A free trial ends soon

trial_ending-subject = Your trial ends on { $ends_short }; then { $price }
trial_ending-preheader =
    { $instrument ->
        [none] If you want to stay, please add a card before then.
       *[other] Nothing to do if you stay. If you leave before then, nothing is charged.
    }
trial_ending-heading = Your trial ends soon
trial_ending-first =
    { $instrument ->
        [none] Your free trial of { $plan } ends on { $ends }, and there is no card yet to take { $amount } from.
       *[other] Your free trial of { $plan } ends on { $ends }, and on that day we take the first { $amount } from { $instrument }.
    }
trial_ending-body =
    { $instrument ->
        [none] Please add a card if you want to keep it. If not, cancel before that day and nothing is charged.
       *[other] If you want to keep it, there is nothing to do. If not, cancel before that day and nothing is charged.
    }
trial_ending-button =
    { $instrument ->
        [none] Add a card
       *[other] Cancel or keep
    }
trial_ending-second = Cancel the trial

## A long cycle renews soon

upcoming_renewal-subject = { $plan } renews on { $date_short } for { $amount }
upcoming_renewal-preheader =
    { $instrument ->
        [none] There is no card yet to take it from. You can cancel until then.
       *[other] From { $instrument }. You can change or cancel until then.
    }
upcoming_renewal-heading = Your renewal
upcoming_renewal-first =
    { $compared ->
        [same] { $plan } renews on { $date } at { $amount }, the same as last time.
        [changed] { $plan } renews on { $date } at { $amount }; last time it was { $previous }.
       *[first] { $plan } renews on { $date } at { $amount }.
    }
upcoming_renewal-body =
    { $instrument ->
        [none] There is no card yet to take it from: please add one if you want to stay. If not, cancel before that day.
       *[other] If you stay, there is nothing to do: we take it from { $instrument } on that day.
    }
upcoming_renewal-button =
    { $instrument ->
        [none] Add a card
       *[other] See or cancel the renewal
    }
upcoming_renewal-second = See or cancel the renewal

## Money was taken

receipt-subject = Receipt: { $amount } for { $plan }, { $date_short }
receipt-preheader =
    { $next_charge ->
        [none] Invoice { $invoice }. Nothing more is charged for it.
       *[other] Invoice { $invoice }. Next: { $next_charge }.
    }
receipt-heading = Receipt
receipt-first =
    { $instrument ->
        [none] We received { $amount } for { $plan } on { $date }.
       *[other] We received { $amount } from { $instrument } on { $date }.
    }
receipt-body = Thank you. There is nothing to do.
receipt-button = See the invoice
receipt-second = { "" }

## A charge was declined

payment_failed-subject =
    { $final ->
        [yes] { $access_until ->
            [none] Last reminder: { $amount } for { $plan } is open
           *[other] Last reminder: access ends on { $access_until_short }
        }
       *[no] { $what ->
            [taken_back] Your bank took back { $amount } for { $plan }
           *[declined] We could not take { $amount } for { $plan }
        }
    }
payment_failed-preheader =
    { $final ->
        [yes] Please pay { $amount } or change the card; it takes about a minute.
       *[no] { $advice ->
            [new_card] Please pay or change the card; it takes about a minute.
           *[other] { $next_try ->
                [none] Please pay or change the card; it takes about a minute.
               *[other] We try again on { $next_try_short }; you can also pay now.
            }
        }
    }
payment_failed-heading =
    { $final ->
        [yes] Last reminder
       *[no] { $what ->
            [taken_back] A payment was taken back
           *[declined] A payment did not go through
        }
    }
payment_failed-first =
    { $final ->
        [yes] { $access_until ->
            [none] This is our last reminder: { $amount } for { $plan } is still open.
           *[other] This is our last reminder: { $amount } for { $plan } is still open, and your access ends on { $access_until } if it is not paid.
        }
       *[no] { $what ->
            [taken_back] { $advice ->
                [not_enough_money] Your bank took back { $amount } for { $plan } on { $date } because there was not enough money.
               *[other] You had paid { $amount } for { $plan }, and your bank took it back on { $date }. The invoice is open again.
            }
           *[declined] { $advice ->
                [not_enough_money] Your bank declined { $amount } for { $plan } on { $date } because there was not enough money.
                [ask_your_bank] Your bank declined { $amount } for { $plan } on { $date } because it wants to hear from you first.
                [new_card] { $instrument ->
                    [none] We could not take { $amount } for { $plan } on { $date } because we have no card of yours that works.
                   *[other] We could not take { $amount } for { $plan } on { $date } because { $instrument } can no longer be used.
                }
                [technical] We could not take { $amount } for { $plan } on { $date } because of a fault between us and your bank.
               *[bank_did_not_say] Your bank declined { $amount } for { $plan } on { $date } and did not say why.
            }
        }
    }
payment_failed-body =
    { $advice ->
        [not_enough_money] Please see to it that there is enough, or pay with another card.
        [ask_your_bank] Please call your bank and allow the payment, or pay with another card.
        [new_card] { $what ->
            [taken_back] Please pay below, or add another card. What your bank took back is not taken the same way again.
           *[declined] { $instrument ->
                [none] Please add a card.
               *[other] Please add a new card. The old one is not tried again.
            }
        }
        [technical] { $final ->
            [yes] It was not your doing. Please pay below; it takes about a minute.
           *[no] { $next_try ->
                [none] It was not your doing. Please pay below; it takes about a minute.
               *[other] It was not your doing, and there is nothing that you must do. If you like, you can pay now.
            }
        }
       *[bank_did_not_say] Please ask your bank about it, or pay with another card.
    }

    { $next_try ->
        [none] { $access_until ->
            [none] { $lapses ->
                [none] We do not try again by ourselves.
               *[other] We do not try again by ourselves. Your subscription has not begun yet: pay or add a card by { $lapses }, or it ends, and costs you nothing.
            }
           *[other] We do not try again by ourselves; everything stays open until { $access_until }.
        }
       *[other] { $advice ->
            [new_card] { $access_until ->
                [none] On { $next_try } we try your other payment method by ourselves.
               *[other] On { $next_try } we try your other payment method by ourselves; everything stays open until { $access_until }.
            }
           *[other] { $access_until ->
                [none] We try again by ourselves on { $next_try }.
               *[other] We try again by ourselves on { $next_try }; everything stays open until { $access_until }.
            }
        }
    }
payment_failed-button =
    { $advice ->
        [technical] Pay now
       *[other] Pay or change the card
    }
payment_failed-second = Cancel the subscription

## The bank wants the customer to confirm

authentication_needed-subject = Please confirm { $amount } with your bank
authentication_needed-preheader = Your bank asks for it; it takes about a minute.
authentication_needed-heading = Please confirm a payment
authentication_needed-first = Your bank wants you to confirm the payment of { $amount } for { $plan } before it lets it through.
authentication_needed-body =
    { $confirm_by ->
        [none] Open the page below and follow the steps of your bank. Nothing is taken without you.
       *[other] Open the page below and follow the steps of your bank. Everything stays open until { $confirm_by }.
    }
authentication_needed-button = Confirm the payment
authentication_needed-second = Cancel the subscription

## The card expires before the next charge

card_expiring-subject = { $card } expires in { $expires }
card_expiring-preheader = { $plan } needs a working card on { $date }.
card_expiring-heading = Your card expires
card_expiring-first = The card that pays { $plan }, { $card }, works until the end of { $expires }, and your bank has not sent us a new one.
card_expiring-body = Please add the new card before the next charge, even if its number is the same.
card_expiring-button = Add the new card
card_expiring-second = { "" }

## A declined charge came through

recovered-subject = Paid: { $amount } for { $plan }
recovered-preheader = All is well again; there is nothing more to do.
recovered-heading = Payment received
recovered-first = Your payment of { $amount } came through on { $date }, and all further tries are dropped.
recovered-body = { $plan } stays open as before. Thank you.
recovered-button = See the invoice
recovered-second = { "" }

## Access is closed until something is paid

suspended-subject = { $plan } is on hold: { $amount } is open
suspended-preheader = Pay { $amount } and it opens again at once, as it was.
suspended-heading = On hold
suspended-first =
    { $tries ->
        [0] { $amount } for { $plan } was not paid, so it has been closed since { $since }.
        [one] We could not take { $amount } for { $plan }, so it has been closed since { $since }.
       *[other] We could not take { $amount } for { $plan } in { $tries } tries, so it has been closed since { $since }.
    }
suspended-body =
    { $again ->
        [no] { $ends ->
            [none] As soon as it is paid, it opens again.
           *[other] As soon as it is paid, it opens again. If it is still open on { $ends }, the subscription ends.
        }
        [last] As soon as it is paid, it opens again. We try once more by ourselves on { $next_try }; if that fails too, the subscription ends.
       *[yes] { $ends ->
            [none] As soon as it is paid, it opens again. We try again by ourselves on { $next_try }.
           *[other] As soon as it is paid, it opens again. We try again by ourselves on { $next_try }. If it is still open on { $ends }, the subscription ends.
        }
    }
suspended-button = Pay and reopen
suspended-second = Cancel the subscription

## A subscription ends or has ended

cancelled-subject =
    { $ended ->
        [yes] { $plan } ended on { $ends_short }
       *[no] { $plan } is cancelled; open until { $ends_short }
    }
cancelled-preheader =
    { $open ->
        [none] { $by ->
            [customer] Received on { $received }. Nothing more is charged.
           *[other] Nothing more is charged, and there is nothing that you must do.
        }
       *[other] Nothing new is charged; { $open } of an earlier invoice is open.
    }
cancelled-heading =
    { $ended ->
        [yes] Your subscription has ended
       *[no] Your subscription is cancelled
    }
cancelled-first =
    { $by ->
        [customer] { $ended ->
            [yes] We received your cancellation on { $received }, and { $plan } ended on { $ends }.
           *[no] We received your cancellation on { $received }, and { $plan } ends on { $ends }.
        }
        [dunning] { $ended ->
            [yes] { $plan } ended on { $ends }, because its payment did not come through.
           *[no] { $plan } ends on { $ends }, because its payment did not come through.
        }
       *[merchant] { $ended ->
            [yes] { $merchant } ended { $plan } on { $ends }.
           *[no] { $merchant } ends { $plan } on { $ends }.
        }
    }
cancelled-body =
    { $open ->
        [none] Nothing more is charged.
       *[other] Nothing new is charged; { $open } of an earlier invoice is still open.
    }
cancelled-button =
    { $undo ->
        [yes] Undo the cancellation
       *[no] See your invoices
    }
cancelled-second =
    { $undo ->
        [yes] See your invoices
       *[no] { "" }
    }

## The end that was planned does not come

cancellation_undone-subject = { $plan } goes on
cancellation_undone-preheader = The cancellation is taken back, and you keep what you have.
cancellation_undone-heading = Your subscription goes on
cancellation_undone-first = The cancellation was taken back on { $date }: { $plan } goes on as it was.
cancellation_undone-body = There is nothing to do, and you can cancel at any time.
cancellation_undone-button = See or cancel the subscription
cancellation_undone-second = { "" }

## The price or the plan changes

plan_changing-subject =
    { $change ->
        [plan] { $date_short ->
            [none] { $plan } changes: { $new_amount }
           *[other] { $plan } changes on { $date_short }: { $new_amount }
        }
        [kept] { $plan } stays as it is: { $new_amount }
       *[price] { $date_short ->
            [none] { $plan } will cost { $new_amount }
           *[other] From { $date_short } { $plan } costs { $new_amount }
        }
    }
plan_changing-preheader =
    { $change ->
        [kept] The change that we wrote to you about does not come.
       *[other] Now { $old_price }. You can leave before then, free of charge.
    }
plan_changing-heading =
    { $change ->
        [plan] Your plan changes
        [kept] Your plan stays as it is
       *[price] Your price changes
    }
plan_changing-first =
    { $change ->
        [plan] { $date ->
            [none] From your next renewal { $plan } becomes { $new_plan } and costs { $new_price } instead of { $old_price }.
           *[other] From your renewal on { $date } { $plan } becomes { $new_plan } and costs { $new_price } instead of { $old_price }.
        }
        [kept] The change that we wrote to you about does not come: { $plan } stays as it is, at { $new_price }.
       *[price] { $date ->
            [none] From your next renewal { $plan } costs { $new_price } instead of { $old_price }.
           *[other] From your renewal on { $date } { $plan } costs { $new_price } instead of { $old_price }.
        }
    }
plan_changing-body =
    { $change ->
        [kept] There is nothing to do.
       *[other] If that suits you, there is nothing to do. If not, change or cancel before then; it costs you nothing.
    }
plan_changing-button = Keep, change or cancel
plan_changing-second = { "" }

## Money goes back

refund-subject = { $amount } is on its way back
refund-preheader =
    { $instrument ->
        [none] For { $plan }, to what you paid with.
       *[other] To { $instrument }, for { $plan }.
    }
refund-heading = Your refund
refund-first =
    { $instrument ->
        [none] On { $date } we sent { $amount } back to what you paid with; banks show it within 5 to 10 days.
       *[other] We sent { $amount } back to { $instrument } on { $date }; banks show it within 5 to 10 days.
    }
refund-body = It was paid for { $plan } on invoice { $invoice }. There is nothing to do.
refund-button = See the invoice
refund-second = { "" }
