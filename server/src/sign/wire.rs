//! What the server and its signing process say to each other: frames of a head in JSON and a body of bytes, both bounded.

use std::io;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Most bytes of a head.
const HEAD: u32 = 64 << 10;
/// Most bytes of a body: a package's header with all its tags, and a little more.
const BODY: u32 = 260 << 20;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Request {
    /// Something that only this server key opens.
    Prove,
    /// Whether this was made by [`Self::Prove`] with this server key.
    Check {
        /// Base64.
        proof: String,
    },
    /// A new key.
    Make {
        /// Whose it is: `NAME <MAIL>`.
        user_id: String,
        /// When it is made, seconds since 1970.
        created: u32,
    },
    /// A signature over the body.
    Sign {
        /// Fingerprint of the key, lower-case hex.
        fingerprint: String,
        /// The sealed secret key, base64.
        sealed: String,
        /// When the key was made, seconds since 1970.
        created: u32,
        /// When the signature is made, seconds since 1970.
        at: u32,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Reply {
    /// The first word of the process: the server key is read, and nothing else can be any more.
    Ready {
        /// What confines it, in words.
        confined: String,
    },
    /// To [`Request::Prove`].
    Proof {
        /// Base64.
        proof: String,
    },
    /// To [`Request::Check`]: it fits.
    Fits,
    /// To [`Request::Make`].
    Made {
        /// Fingerprint, lower-case hex.
        fingerprint: String,
        /// The public key, armoured.
        public: String,
        /// The sealed secret key, base64.
        sealed: String,
    },
    /// To [`Request::Sign`]: one binary signature packet.
    Signature {
        /// Base64.
        packet: String,
    },
    /// It can't be done; the process goes on, unless this was its first word.
    Refused {
        /// A sentence.
        why: String,
    },
}

/// A frame's length field: bytes of the head, bytes of the body.
pub(super) const LENGTHS: usize = 8;

/// The beginning of a frame: the lengths and the head. The body follows as it is.
///
/// # Errors
/// One of them is too long.
pub(super) fn begin(head: &impl Serialize, body: usize) -> io::Result<Vec<u8>> {
    let head = serde_json::to_vec(head)?;
    let length = |length: usize, most| u32::try_from(length).ok().filter(|length| *length <= most).ok_or_else(too_long);
    let mut frame = length(head.len(), HEAD)?.to_be_bytes().to_vec();
    frame.extend_from_slice(&length(body, BODY)?.to_be_bytes());
    frame.extend_from_slice(&head);
    Ok(frame)
}

/// How long head and body of a frame are.
///
/// # Errors
/// Longer than any that is sent.
pub(super) fn lengths(bytes: [u8; LENGTHS]) -> io::Result<(usize, usize)> {
    let [a, b, c, d, e, f, g, h] = bytes;
    let (head, body) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
    if head > HEAD || body > BODY {
        return Err(too_long());
    }
    Ok((head as usize, body as usize))
}

/// What a head says.
///
/// # Errors
/// It is nothing that is ever said.
pub(super) fn head<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    Ok(serde_json::from_slice(bytes)?)
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a frame is too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written_and_one_that_is_too_long_is_refused() {
        let request = Request::Check { proof: "x".to_owned() };
        let frame = begin(&request, 3).unwrap();
        let (first, rest) = frame.split_at(LENGTHS);
        assert_eq!(lengths(first.try_into().unwrap()).unwrap(), (rest.len(), 3));
        assert_eq!(head::<Request>(rest).unwrap(), request);
        assert!(begin(&request, usize::MAX).is_err());
        assert!(begin(&Request::Check { proof: "x".repeat(70_000) }, 0).is_err());
        assert!(lengths([0xFF; LENGTHS]).is_err());
        assert!(head::<Request>(b"{\"open\":\"the door\"}").is_err());
    }
}
