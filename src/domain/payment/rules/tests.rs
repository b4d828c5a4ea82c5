//! The rule tables, row by row, against the written rules (RULES §1, §2).

use rstest::rstest;

use super::*;
use crate::domain::payment::decline::{
    Decline,
    DeclineClass::{
        Config, FixData, Generic, HoldRisk, NeedsSca, Never, StopMandate, WaitFunds, WaitIssuer,
    },
    StopScope,
};

const CARDS: [Network; 7] = [
    Network::Visa,
    Network::Mastercard,
    Network::Amex,
    Network::Discover,
    Network::Jcb,
    Network::UnionPay,
    Network::Other,
];

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn today() -> &'static Rules {
    RuleBook::at(day("2026-11-15"))
}

fn response(network: Network, code: &str) -> Signals {
    Signals { response_code: Some(code.to_owned()), ..Signals::on(network) }
}

fn advised(network: Network, code: &str, advice: &str) -> Signals {
    Signals { network_advice: Some(advice.to_owned()), ..response(network, code) }
}

fn declined(rules: &Rules, signals: &Signals) -> Decline {
    match rules.classify(signals) {
        Reading::Declined(decline) => decline,
        other => panic!("{signals:?} reads as {other:?}"),
    }
}

#[test]
fn the_sheets_that_are_compiled_in_are_right() {
    assert_eq!(RuleBook::parse(&SHEETS).err(), None);
}

#[rstest]
#[case("03 93", Config)]
#[case("04 07 41 43", Never)]
#[case("01 02 05", Generic)]
#[case("06 21 25 28", WaitIssuer)]
#[case("13 30 58 64 74 80 81", Config)]
#[case("14 15", Never)]
#[case("19 86", WaitIssuer)]
#[case("39 52 53 76 77", FixData)]
#[case("46", Never)]
#[case("51", WaitFunds)]
#[case("54", FixData)]
#[case("55 N7", FixData)]
#[case("59", HoldRisk)]
#[case("61 N3 N4", WaitFunds)]
#[case("62 78", FixData)]
#[case("63", HoldRisk)]
#[case("65", WaitFunds)]
#[case("75", WaitFunds)]
#[case("91 92 96", WaitIssuer)]
#[case("R0 R1 R3", StopMandate)]
#[case("B1 N0 N8 Q1 Z1 Z3", Generic)]
fn a_code_that_all_cards_share(#[case] codes: &str, #[case] class: DeclineClass) {
    for (network, code) in CARDS.iter().flat_map(|n| codes.split(' ').map(move |c| (*n, c))) {
        assert_eq!(declined(today(), &response(network, code)).class, class, "{network:?} {code}");
    }
}

#[rstest]
#[case("12", Never, Config)]
#[case("57", Never, Config)]
#[case("70", NeedsSca, Generic)]
#[case("79", Config, Config)]
#[case("82", FixData, Generic)]
#[case("6P", FixData, Generic)]
#[case("83", HoldRisk, Generic)]
#[case("1A", NeedsSca, Generic)]
#[case("5C", FixData, Generic)]
#[case("9G", HoldRisk, Generic)]
#[case("72", Generic, Generic)]
fn a_code_that_visa_means_otherwise(
    #[case] code: &str,
    #[case] visa: DeclineClass,
    #[case] amex: DeclineClass,
) {
    assert_eq!(declined(today(), &response(Network::Visa, code)).class, visa);
    assert_eq!(declined(today(), &response(Network::Amex, code)).class, amex);
}

#[rstest]
#[case("12", Config)]
#[case("57", Config)]
#[case("72", FixData)]
#[case("79", FixData)]
#[case("82", FixData)]
#[case("83", HoldRisk)]
#[case("1A", Generic)]
fn a_code_that_mastercard_means_otherwise(#[case] code: &str, #[case] class: DeclineClass) {
    assert_eq!(declined(today(), &response(Network::Mastercard, code)).class, class);
}

#[rstest]
#[case("57", "2026-10-24", Config, "2026-10-25", Never)]
#[case("83", "2026-10-24", Generic, "2026-10-25", HoldRisk)]
#[case("5C", "2025-04-10", Generic, "2025-04-11", FixData)]
#[case("9G", "2025-04-10", Generic, "2025-04-11", HoldRisk)]
fn a_visa_code_that_starts_on_a_day(
    #[case] code: &str,
    #[case] eve: &str,
    #[case] before: DeclineClass,
    #[case] start: &str,
    #[case] after: DeclineClass,
) {
    let signals = response(Network::Visa, code);
    assert_eq!(declined(RuleBook::at(day(eve)), &signals).class, before);
    assert_eq!(declined(RuleBook::at(day(start)), &signals).class, after);
}

#[rstest]
#[case("05", &[4])]
#[case("51", &[2])]
#[case("54", &[3])]
#[case("41", &[1])]
#[case("14", &[1, 3])]
#[case("57", &[1])]
#[case("83", &[2])]
#[case("03", &[2])]
#[case("92", &[4])]
#[case("72", &[])]
fn visas_own_category_of_a_code(#[case] code: &str, #[case] categories: &[u8]) {
    assert_eq!(today().visa_categories(code), categories);
}

#[test]
fn code_03_was_in_visas_first_category_until_april_2021() {
    assert_eq!(RuleBook::at(day("2021-03-31")).visa_categories("03"), [1]);
    assert_eq!(RuleBook::at(day("2021-04-01")).visa_categories("03"), [2]);
}

#[rstest]
#[case("01", FixData, None)]
#[case("02", WaitFunds, Some(72))]
#[case("03", Never, None)]
#[case("04", Config, None)]
#[case("05", Config, None)]
#[case("21", StopMandate, None)]
#[case("22", Config, None)]
#[case("24", WaitFunds, Some(1))]
#[case("25", WaitFunds, Some(24))]
#[case("26", WaitFunds, Some(48))]
#[case("27", WaitFunds, Some(96))]
#[case("28", WaitFunds, Some(144))]
#[case("29", WaitFunds, Some(192))]
#[case("30", WaitFunds, Some(240))]
#[case("40", FixData, None)]
#[case("41", Never, None)]
#[case("42", Never, None)]
#[case("43", Generic, None)]
fn an_advice_beside_do_not_honour(
    #[case] advice: &str,
    #[case] class: DeclineClass,
    #[case] wait_hours: Option<u32>,
) {
    let decline = declined(today(), &advised(Network::Mastercard, "05", advice));
    assert_eq!((decline.class, decline.wait_hours), (class, wait_hours));
}

#[rstest]
#[case("79", "01", FixData, None)]
#[case("79", "02", WaitFunds, Some(72))]
#[case("79", "03", Never, None)]
#[case("82", "01", FixData, None)]
#[case("82", "02", WaitFunds, Some(72))]
#[case("82", "03", Never, None)]
#[case("83", "01", NeedsSca, None)]
#[case("83", "02", WaitFunds, Some(72))]
#[case("83", "03", Never, None)]
fn mastercards_generic_codes_with_advice(
    #[case] code: &str,
    #[case] advice: &str,
    #[case] class: DeclineClass,
    #[case] wait_hours: Option<u32>,
) {
    let decline = declined(today(), &advised(Network::Mastercard, code, advice));
    assert_eq!((decline.class, decline.wait_hours), (class, wait_hours));
}

#[rstest]
#[case(Network::Ach, "R01 R09", WaitFunds, Some(2), None)]
#[case(Network::Ach, "R02 R03 R04", FixData, None, None)]
#[case(Network::Ach, "R05 R07 R10 R29 R51 R08", StopMandate, None, Some(StopScope::Agreement))]
#[case(Network::Sepa, "AM04 MS03", WaitFunds, Some(2), None)]
#[case(
    Network::Sepa,
    "AC01 AC04 AC06 AG01 RC01 RR01 RR02 RR03 RR04 BE05 DNOR MD02",
    FixData,
    None,
    None
)]
#[case(Network::Sepa, "MD01 MD07 MS02 SL01", StopMandate, None, Some(StopScope::Agreement))]
#[case(Network::Sepa, "MD06", StopMandate, None, Some(StopScope::ThisPayment))]
#[case(Network::Bacs, "0 REFER_TO_PAYER", WaitFunds, Some(2), None)]
#[case(Network::Bacs, "1 2 B", StopMandate, None, Some(StopScope::Agreement))]
fn a_bank_debits_return(
    #[case] network: Network,
    #[case] codes: &str,
    #[case] class: DeclineClass,
    #[case] max_retries: Option<u32>,
    #[case] stops: Option<StopScope>,
) {
    for code in codes.split(' ') {
        let decline = declined(today(), &response(network, code));
        assert_eq!(
            (decline.class, decline.max_retries, decline.stops),
            (class, max_retries, stops)
        );
    }
}

#[test]
fn a_debits_code_is_not_a_cards_code() {
    let as_card = declined(today(), &response(Network::Visa, "R01"));
    assert_eq!((as_card.class, as_card.flags), (Generic, [Flag::UnknownResponseCode].into()));
    assert_eq!(declined(today(), &response(Network::Sepa, "51")).class, Generic);
}

#[rstest]
#[case("R0", StopScope::ThisPayment)]
#[case("R1", StopScope::Agreement)]
#[case("R3", StopScope::Agreement)]
fn how_far_a_stop_reaches(#[case] code: &str, #[case] stops: StopScope) {
    assert_eq!(declined(today(), &response(Network::Visa, code)).stops, Some(stops));
}

#[test]
fn advice_21_outweighs_a_stop_of_one_payment() {
    let decline = declined(today(), &advised(Network::Mastercard, "R0", "21"));
    assert_eq!(decline.stops, Some(StopScope::Agreement));
}

#[rstest]
#[case("00")]
#[case("85")]
fn an_approval_is_no_decline(#[case] code: &str) {
    let plain = today().classify(&response(Network::Visa, code));
    assert_eq!(plain, Reading::Approved { card_facts: vec![] });
}

#[test]
fn advice_on_an_approval_is_a_fact_about_the_card() {
    for (advice, fact) in
        [("40", Flag::PrepaidFixed), ("41", Flag::SingleUse), ("43", Flag::MultiUse)]
    {
        let reading = today().classify(&advised(Network::Mastercard, "00", advice));
        assert_eq!(reading, Reading::Approved { card_facts: vec![fact] });
    }
}

#[test]
fn an_approval_that_the_gateway_declines_is_a_decline() {
    let signals = Signals { gateway_class: Some(HoldRisk), ..response(Network::Visa, "00") };
    assert_eq!(declined(today(), &signals).class, HoldRisk);
}

#[test]
fn a_part_approved_is_reversed_and_goes_on_as_generic() {
    let reading = today().classify(&response(Network::Visa, "10"));
    assert!(matches!(reading, Reading::ApprovedInPart(decline) if decline.class == Generic));
}

#[test]
fn a_duplicate_is_looked_up() {
    let signals = Signals { gateway_class: Some(Never), ..response(Network::Jcb, "94") };
    assert_eq!(today().classify(&signals), Reading::OutcomeUnknown);
}

#[test]
fn an_unknown_response_code_gets_two_retries_the_first_after_a_day() {
    let decline = declined(today(), &response(Network::Visa, "ZZ"));
    assert_eq!(
        (decline.class, decline.max_retries, decline.wait_hours),
        (Generic, Some(2), Some(24))
    );
    assert_eq!(*decline.flags, [Flag::UnknownResponseCode]);
}

#[test]
fn a_decline_without_a_word_is_treated_like_an_unknown_code() {
    let decline = declined(today(), &Signals::on(Network::Other));
    assert_eq!((decline.max_retries, decline.wait_hours), (Some(2), Some(24)));
    assert_eq!(*decline.flags, [Flag::NothingSaid]);
}

#[test]
fn an_unknown_code_that_the_gateway_explains_is_still_flagged() {
    let signals = Signals { gateway_class: Some(WaitFunds), ..response(Network::Visa, "ZZ") };
    let decline = declined(today(), &signals);
    assert_eq!((decline.class, decline.max_retries), (WaitFunds, None));
    assert_eq!(*decline.flags, [Flag::UnknownResponseCode]);
}

#[test]
fn an_unknown_advice_waits_72_hours() {
    let decline = declined(today(), &advised(Network::Mastercard, "51", "99"));
    assert_eq!((decline.class, decline.wait_hours), (WaitFunds, Some(72)));
    assert_eq!(*decline.flags, [Flag::UnknownNetworkAdvice]);
}

#[test]
fn advice_41_is_not_response_41() {
    let fresh = declined(today(), &advised(Network::Mastercard, "51", "41"));
    assert_eq!((fresh.class, fresh.flags), (Never, [Flag::SingleUse].into()));
    let lost = declined(today(), &response(Network::Mastercard, "41"));
    assert_eq!((lost.class, lost.flags), (Never, [].into()));
}

#[test]
fn the_strictest_signal_wins_and_the_longest_wait_stays() {
    let signals = Signals {
        gateway_class: Some(WaitFunds),
        visa_category: Some(1),
        ..response(Network::Visa, "75")
    };
    let decline = declined(today(), &signals);
    assert_eq!((decline.class, decline.wait_hours), (Never, Some(24)));
}

#[rstest]
#[case(1, Never)]
#[case(2, WaitIssuer)]
#[case(3, FixData)]
#[case(4, WaitIssuer)]
fn visas_category_can_only_make_it_stricter(#[case] category: u8, #[case] class: DeclineClass) {
    let signals = Signals { visa_category: Some(category), ..response(Network::Visa, "91") };
    assert_eq!(declined(today(), &signals).class, class);
}

#[rstest]
#[case(Some("DE"), NeedsSca)]
#[case(Some("gb"), NeedsSca)]
#[case(Some("US"), WaitFunds)]
#[case(None, WaitFunds)]
fn mastercards_65_asks_for_authentication_in_europe(
    #[case] country: Option<&str>,
    #[case] class: DeclineClass,
) {
    let mut signals = response(Network::Mastercard, "65");
    signals.issuer_country = country.map(str::to_owned);
    assert_eq!(declined(today(), &signals).class, class);
    signals.network = Network::Visa;
    assert_eq!(declined(today(), &signals).class, WaitFunds);
}

#[rstest]
#[case("54", &[Flag::AskUpdater])]
#[case("46", &[Flag::AskUpdater, Flag::RefreshToken])]
fn what_a_code_tells_besides(#[case] code: &str, #[case] flags: &[Flag]) {
    assert_eq!(declined(today(), &response(Network::Visa, code)).flags[..], *flags);
}

#[test]
fn do_not_honour_is_tried_again_four_times_at_most() {
    assert_eq!(declined(today(), &response(Network::Visa, "05")).max_retries, Some(4));
}

#[rstest]
#[case(Never, Remedy::NeverOnThisMethod)]
#[case(StopMandate, Remedy::StopMandate)]
#[case(NeedsSca, Remedy::AuthenticateLink)]
#[case(FixData, Remedy::AfterDataChanged)]
#[case(Config, Remedy::StaffMustMend)]
#[case(HoldRisk, Remedy::OneRetryAfter { hours: 72 })]
#[case(WaitFunds, Remedy::FollowSchedule)]
#[case(Generic, Remedy::FollowSchedule)]
#[case(WaitIssuer, Remedy::Technical { hours: [1, 6, 24] })]
fn what_a_class_asks_for(#[case] class: DeclineClass, #[case] remedy: Remedy) {
    assert_eq!(today().remedy(class), remedy);
}

#[test]
fn a_decision_can_name_its_rules() {
    assert_eq!(RuleBook::at(day("2026-10-25")).version(), "2026-11/2026-10-25");
    assert_eq!(RuleBook::at(day("2026-10-24")).version(), "2026-11/2026-01-01");
    assert_eq!(RuleBook::at(day("1999-01-01")).version(), "2026-11/start");
    let decline = declined(today(), &response(Network::Visa, "51"));
    assert_eq!(decline.rule_version.as_deref(), Some("2026-11/2026-10-25"));
}

#[test]
fn an_adapters_decline_is_read_again_with_the_networks_words() {
    let adapters = Decline {
        response_code: Some("05".to_owned()),
        network_advice: Some("03".to_owned()),
        ..Decline::of(Generic)
    };
    let decline = declined(today(), &Signals::of(Network::Mastercard, &adapters));
    assert_eq!(decline.class, Never);
}

#[rstest]
#[case("[[response]]\ncodes = [\"05\"]\nclass = \"generic\"", "stands twice")]
#[case("[[response]]\ncodes = [\"X1\"]", "a decline has a class")]
#[case("[[response]]\ncodes = [\"x1\"]\nclass = \"never\"", "capitals")]
#[case("[[response]]\ncodes = [\"X1\"]\nclass = \"nevr\"", "unknown variant")]
#[case("[[response]]\ncodes = [\"X1\"]\nclas = \"never\"", "unknown field")]
#[case("[[response]]\ncodes = [\"X1\"]\nclass = \"stop_mandate\"", "stop_mandate")]
#[case(
    "[[response]]\ncodes = [\"X1\"]\nclass = \"never\"\neffective = { from = \"2026-01-02\", to = \"2026-01-01\" }",
    "ends before it starts"
)]
#[case("[[limit]]\nnetworks = [\"visa\"]\nscope = \"per_card\"\nmax = 1", "without a window")]
#[case(
    "[[limit]]\nnetworks = [\"visa\"]\nscope = \"per_invoice\"\nmax = 21\nscheme_max = 20",
    "more than the scheme allows"
)]
#[case("[[behaviour]]\nclass = \"never\"\nremedy = { kind = \"stop_mandate\" }", "stands twice")]
fn a_wrong_row_is_refused_by_name(#[case] row: &str, #[case] complaint: &str) {
    let mut sheets = SHEETS.to_vec();
    sheets.push(("more.toml", row));
    let faults = RuleBook::parse(&sheets).unwrap_err();
    let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(text.iter().any(|line| line.contains(complaint)), "{text:?}");
}

#[test]
fn a_book_with_a_missing_sheet_is_refused() {
    for missing in ["limits.toml", "behaviour.toml"] {
        let sheets: Vec<_> = SHEETS.into_iter().filter(|(name, _)| *name != missing).collect();
        assert!(RuleBook::parse(&sheets).is_err(), "without {missing}");
    }
}
