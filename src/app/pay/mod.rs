//! What a member can do by the link in a mail: see one invoice and why it is open, pay it on the
//! gateway's own page, or store another card (RULES AUT-4). Nothing else of the account is shown or
//! changed through it, and no card number ever meets us (RULES PCI-1).

mod again;
mod checkout;
mod link;
mod setup;
mod view;

pub use again::pay_again;
pub use checkout::{Obstacle, Started, Wish, finish, start_checkout};
pub use link::{NotOpened, PayLink, card_url, invoice_url};
pub use setup::{CardState, finish_setup, finish_setup_page, setup_page, start_setup};
pub use view::{Agreement, Delay, Stage, Trouble, View, view};

use super::{AppError, turn::TurnError};

/// How often an operation is decided anew when someone else wrote first.
const TRIES: usize = 4;

/// A turn's error, for someone who waits for one answer.
fn told(error: TurnError) -> AppError {
    match error {
        TurnError::Later(error) => AppError::Store(error),
        TurnError::Poisoned { source, .. } => source,
    }
}

/// Whether the same transaction, decided anew, may go through.
fn may_try_again(error: &AppError) -> bool {
    matches!(error, AppError::Store(error) if error.is_transient())
}
