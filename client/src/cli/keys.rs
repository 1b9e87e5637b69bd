//! `treering keys`

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{KeyType, Keys};
use super::context::Context;
use super::exit::CliError;
use crate::sign::{self, SigningKey};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Generated {
    private_key: String,
    public_key: String,
    fingerprint: String,
}

pub(crate) fn run(context: &Context, command: &Keys) -> Result<(), CliError> {
    let Keys::Generate { kind, out } = command;
    let kind = match kind {
        KeyType::EcdsaP256 => sign::KeyType::EcdsaP256,
        KeyType::Ed25519 => sign::KeyType::Ed25519,
    };
    let key = SigningKey::generate(kind)?;
    let mut public = out.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    create(out, key.to_pem()?.as_bytes(), 0o600)?;
    create(&public, key.public_pem()?.as_bytes(), 0o644)?;
    let generated = Generated {
        private_key: out.display().to_string(),
        public_key: public.display().to_string(),
        fingerprint: key.fingerprint()?.to_hex(),
    };
    let text = format!(
        "wrote {} and {}: key {}",
        generated.private_key, generated.public_key, generated.fingerprint
    );
    context.out.result(&text, &generated)
}

/// Creates a file that must not exist.
fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CliError> {
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    let written = file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => CliError::usage(format!(
            "{}: expected no such file, found one; keys are never overwritten",
            path.display()
        )),
        _ => CliError::io(path.display(), &e),
    })
}
