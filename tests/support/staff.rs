//! Charges that nobody can decide, and staff who looks and says what became of them.

use rondo::grpc::proto::v1::{
    self,
    settle_attempt_request::{Charged, NotCharged, Verdict},
};
use tonic::Status;

use super::{api::bare, course::Course, line::Call, member::Member, world::World};

/// Why staff says so.
pub const NOTE: &str = "Eva looked in the gateway's dashboard";

/// It took the money, under this reference.
pub fn charged(reference: &str) -> Verdict {
    Verdict::Charged(Charged { gateway_reference: reference.to_owned() })
}

/// It took none.
pub fn not_charged() -> Verdict {
    Verdict::NotCharged(NotCharged {})
}

impl World {
    /// A member whose first charge, on 7 February 2026, does as `token` says while the gateway answers no
    /// look-up. It is 20 February, and nobody asks any more.
    pub async fn undecided(&self, called: &str, token: &str) -> (Member, Course) {
        let plan = self.plan("Membership", "20.00 EUR").yearly().with_trial(7).create().await;
        let member = self.member(called, token).await;
        let course = self.subscribe(&member, &plan).await;
        self.line.refuses(&[Call::FindCharge]);
        self.advance_to("2026-02-20").await;
        (member, course)
    }

    /// The gateway answers look-ups again.
    pub fn look_ups_work(&self) {
        self.line.refuses(&[]);
    }

    /// What the gateway knows of the charge of this attempt.
    pub async fn charge_of(&self, attempt: &v1::Attempt) -> serde_json::Value {
        let reference = bare(&attempt.name);
        self.told(&format!("/v1/lookup?reference={reference}")).await["charges"][0].clone()
    }

    /// Staff says what became of an attempt.
    pub async fn staff_says(
        &self,
        attempt: &v1::Attempt,
        verdict: Verdict,
    ) -> Result<v1::Payment, Status> {
        let request = v1::SettleAttemptRequest {
            name: attempt.name.clone(),
            verdict: Some(verdict),
            note: NOTE.to_owned(),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        Ok(self.api.payments().settle_attempt(request).await?.into_inner())
    }
}
