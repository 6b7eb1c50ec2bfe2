//! What an application does on its connection.
//!
//! Owns the arithmetic: how much an end may have written after what it received, and when it closes. Called by
//! `connection` after every event; must never look at bytes. Costs a few divisions.

use vnetsim_types::SimTime;

/// What both ends of a connection do; the client is the one that opened it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// So many times, one after the other: the client sends a request, the server answers it. Then the client closes.
    /// An upload is one request without response, a download a request of one byte.
    Requests {
        /// How many.
        requests: u32,
        /// Bytes of each request; with zero the server sends all responses when the connection stands.
        request_bytes: u64,
        /// Bytes of each response; with zero requests follow each other at once.
        response_bytes: u64,
    },
    /// The client sends as much as goes, then closes.
    Bulk {
        /// How long, from the end of the handshake.
        lasts: SimTime,
    },
}

/// One end's share of a [`Work`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    work: Work,
    client: bool,
}

impl Share {
    pub(crate) fn new(work: Work, client: bool) -> Self {
        Self { work, client }
    }

    /// Bytes that this end sends in all; `None` when only time says.
    pub(crate) fn sends(self) -> Option<u64> {
        match (self.work, self.client) {
            (Work::Requests { requests, request_bytes, .. }, true) => Some(times(requests, request_bytes)),
            (Work::Requests { requests, response_bytes, .. }, false) => Some(times(requests, response_bytes)),
            (Work::Bulk { .. }, true) => None,
            (Work::Bulk { .. }, false) => Some(0),
        }
    }

    /// Bytes that the other end sends in all.
    pub(crate) fn receives(self) -> Option<u64> {
        self.other().sends()
    }

    /// The most bytes of this end that are ever on their way; `None` when there is no limit.
    pub(crate) fn at_once(self) -> Option<u64> {
        match (self.work, self.client) {
            // Only where the other end has something to send does this one wait for it.
            (Work::Requests { request_bytes, response_bytes: 1.., .. }, true) => Some(request_bytes),
            (Work::Requests { request_bytes: 1.., response_bytes, .. }, false) => Some(response_bytes),
            _ => self.sends(),
        }
    }

    /// The other end's share.
    pub(crate) fn other(self) -> Self {
        Self { client: !self.client, ..self }
    }

    /// When time ends the writing, for a connection that stands since `established`.
    pub(crate) fn until(self, established: SimTime) -> Option<SimTime> {
        match (self.work, self.client) {
            (Work::Bulk { lasts }, true) => Some(established + lasts),
            _ => None,
        }
    }

    /// Bytes that this end wants to have written in all once it has received `received`; of a [`Work::Bulk`] client,
    /// while its time lasts.
    pub(crate) fn goal(self, received: u64) -> u64 {
        match (self.work, self.client) {
            (Work::Requests { requests, request_bytes, response_bytes }, true) => {
                let answered = received.checked_div(response_bytes).unwrap_or(u64::from(requests));
                let asked = answered.saturating_add(1).min(u64::from(requests));
                asked.saturating_mul(request_bytes)
            }
            (Work::Requests { requests, request_bytes, response_bytes }, false) => {
                let asked = received.checked_div(request_bytes).unwrap_or(u64::from(requests));
                asked.min(u64::from(requests)).saturating_mul(response_bytes)
            }
            (Work::Bulk { .. }, true) => u64::MAX,
            (Work::Bulk { .. }, false) => 0,
        }
    }

    /// True when this end has sent and received everything that it knows of.
    pub(crate) fn done(self, written: u64, received: u64) -> bool {
        self.sends().is_none_or(|all| written >= all) && self.receives().is_none_or(|all| received >= all)
    }
}

fn times(requests: u32, bytes: u64) -> u64 {
    u64::from(requests).saturating_mul(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_wait_for_responses() {
        let work = Work::Requests { requests: 3, request_bytes: 10, response_bytes: 100 };
        let client = Share::new(work, true);
        let goals = [0, 99, 100, 199, 200, 300].map(|received| client.goal(received));
        assert_eq!(goals, [10, 10, 20, 20, 30, 30]);
        assert!(!client.done(30, 299));
        assert!(client.done(30, 300));
        assert_eq!((client.at_once(), client.other().at_once()), (Some(10), Some(100)));
        let server = Share::new(work, false);
        assert_eq!(
            [0, 9, 10, 29, 30, 1_000].map(|received| server.goal(received)),
            [0, 0, 100, 200, 300, 300]
        );
    }

    #[test]
    fn nothing_to_send_is_no_division_by_zero() {
        let work = Work::Requests { requests: u32::MAX, request_bytes: 0, response_bytes: u64::MAX };
        assert_eq!(Share::new(work, true).goal(5), 0);
        assert_eq!(Share::new(work, false).goal(0), u64::MAX);
        let upload = Work::Requests { requests: 2, request_bytes: 7, response_bytes: 0 };
        assert_eq!(Share::new(upload, true).goal(0), 14);
        assert_eq!([true, false].map(|client| Share::new(upload, client).at_once()), [Some(14), Some(0)]);
        assert!(Share::new(upload, false).done(0, 14));
    }
}
