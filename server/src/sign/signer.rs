//! The signing process: `coprd signer`, a child of the server. It alone reads the server key, and from then on it reads no file, has no
//! network and no database: frames come on standard input, answers go to standard output. It ends with its server.

use std::{
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use copr_vm::confine;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use zeroize::Zeroizing;

use super::{
    openpgp::{self, SERVER_KEY, ServerKey},
    wire::{self, LENGTHS, Reply, Request},
};
use crate::die;

/// What a proof of the right server key is about, and what is in it.
const PROOF: &str = "coprd server key";

/// Runs until standard input ends; the exit status. With `create` a server key is made where there is none.
pub fn main(key: &Path, create: bool) -> i32 {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let served = match begin(key, create) {
        Ok((key, confined)) => {
            answer(&mut output, &Reply::Ready { confined }).and_then(|()| serve(&key, &mut input, &mut output))
        }
        Err(why) => answer(&mut output, &Reply::Refused { why }),
    };
    i32::from(served.is_err())
}

/// Reads the server key, and gives up everything else.
fn begin(path: &Path, create: bool) -> Result<(ServerKey, String), String> {
    let told = |error: io::Error| error.to_string();
    // Nobody looks into its memory, neither now nor in what would be left of it.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| told(error.into()))?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(|error| told(error.into()))?;
    if create && !path.exists() {
        write_key(path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    let bytes = read_key(path)?;
    let key = ServerKey::new(&bytes).map_err(|error| error.to_string())?;
    // Whatever is looked for when random numbers are needed first, is found before nothing can be found any more.
    key.seal(b"", "").map_err(|error| error.to_string())?;
    let confined = confine::enter(&[]).map_err(|error| error.to_string())?;
    Ok((key, confined))
}

/// Makes a server key: random bytes in hex, for its owner's eyes only. One that another process made meanwhile stays.
fn write_key(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut bytes = Zeroizing::new([0; SERVER_KEY]);
    aws_lc_rs::rand::fill(&mut *bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let text = Zeroizing::new(format!("{}\n", hex::encode(bytes.as_slice())));
    // A temporary file is for its owner only, and stays so.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => return Err(error.error),
        _ => {}
    }
    fs_err::File::open(folder)?.sync_all()
}

fn read_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let shown = path.display();
    let read = |text: &mut String| -> io::Result<u32> {
        let file = std::fs::OpenOptions::new().read(true).custom_flags(no_links()).open(path)?;
        let mode = file.metadata()?.permissions().mode();
        file.take(200).read_to_string(text)?;
        Ok(mode)
    };
    let mut text = Zeroizing::new(String::with_capacity(200));
    let mode = read(&mut text).map_err(|error| format!("{shown}: {error}"))?;
    if mode & 0o077 != 0 {
        return Err(format!("others than its owner may read {shown}: chmod 600 it, and think about who did"));
    }
    let bytes = hex::decode(text.trim()).map(Zeroizing::new).ok().filter(|bytes| bytes.len() == SERVER_KEY);
    bytes.ok_or_else(|| format!("{shown} is no server key: {} digits of hex", SERVER_KEY * 2))
}

/// A link in place of the key is no key.
fn no_links() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0)
}

fn serve(key: &ServerKey, input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    loop {
        let mut lengths = [0; LENGTHS];
        match input.read_exact(&mut lengths) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let (head, body) = wire::lengths(lengths)?;
        let mut bytes = vec![0; head];
        input.read_exact(&mut bytes)?;
        let request = wire::head(&bytes)?;
        let mut bytes = vec![0; body];
        input.read_exact(&mut bytes)?;
        let reply = reply(key, &request, &bytes).unwrap_or_else(|error| Reply::Refused { why: error.to_string() });
        if matches!(reply, Reply::Signature { .. }) {
            die::at("a signature made");
        }
        answer(output, &reply)?;
    }
}

fn answer(output: &mut impl Write, reply: &Reply) -> io::Result<()> {
    output.write_all(&wire::begin(reply, 0)?)?;
    output.flush()
}

fn reply(key: &ServerKey, request: &Request, body: &[u8]) -> Result<Reply, openpgp::Error> {
    let decode = |text: &str| BASE64_STANDARD.decode(text).map_err(|_| openpgp::Error::Seal);
    Ok(match request {
        Request::Prove => Reply::Proof { proof: BASE64_STANDARD.encode(key.seal(PROOF.as_bytes(), PROOF)?) },
        Request::Check { proof } => {
            key.open(&decode(proof)?, PROOF)?;
            Reply::Fits
        }
        Request::Make { user_id, created } => {
            let made = openpgp::make(key, user_id, *created)?;
            let sealed = BASE64_STANDARD.encode(made.sealed);
            Reply::Made { fingerprint: made.fingerprint, public: made.public, sealed }
        }
        Request::Sign { fingerprint, sealed, created, at } => {
            // A signature that is older than its key is none.
            let at = (*at).max(*created);
            let packet = openpgp::sign(key, &decode(sealed)?, (fingerprint, *created), at, body)?;
            Reply::Signature { packet: BASE64_STANDARD.encode(packet) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_key_is_made_once_for_its_owner_only_and_anything_else_in_its_place_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing-key");
        assert!(read_key(&path).unwrap_err().contains("signing-key"), "there is none");
        write_key(&path).unwrap();
        let first = read_key(&path).unwrap();
        write_key(&path).unwrap();
        assert_eq!(read_key(&path).unwrap(), first, "the second stays away");
        let mode = |mode| std::fs::Permissions::from_mode(mode);
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs_err::set_permissions(&path, mode(0o640)).unwrap();
        assert!(read_key(&path).unwrap_err().contains("chmod 600"));
        fs_err::set_permissions(&path, mode(0o600)).unwrap();
        for bad in ["", "xyz", "abcd", &"0".repeat(66)] {
            fs_err::write(&path, bad).unwrap();
            assert!(read_key(&path).unwrap_err().contains("no server key"), "{bad:?}");
        }
        fs_err::os::unix::fs::symlink(&path, folder.path().join("link")).unwrap();
        assert!(read_key(&folder.path().join("link")).is_err());
    }

    #[test]
    fn requests_are_answered_in_their_order_until_the_server_is_gone() {
        let key = ServerKey::new(&[1; SERVER_KEY]).unwrap();
        let other = ServerKey::new(&[2; SERVER_KEY]).unwrap();
        let Ok(Reply::Proof { proof }) = reply(&other, &Request::Prove, b"") else { panic!("no proof") };
        let mut input = wire::begin(&Request::Check { proof }, 2).unwrap();
        input.extend_from_slice(b"xx");
        input.extend(wire::begin(&Request::Prove, 0).unwrap());
        let mut output = Vec::new();
        serve(&key, &mut input.as_slice(), &mut output).unwrap();
        let text = String::from_utf8_lossy(&output);
        let (first, second) = (text.find("not sealed with this server key").unwrap(), text.find("proof").unwrap());
        assert!(first < second, "{text}");
        assert!(serve(&key, &mut &input[..input.len() - 1], &mut output).is_err(), "half a frame");
    }
}
