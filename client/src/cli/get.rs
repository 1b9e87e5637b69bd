//! `treering get`

use treering_api::json::EntryJson;
use treering_api::log::Entry;
use treering_rekor::v2;
use treering_tlog::Hash;

use super::args::Get;
use super::context::{Context, OpenLog};
use super::exit::{CliError, Exit};
use super::output::{save, table, time};
use crate::verify;

pub(crate) async fn run(context: &Context, args: &Get) -> Result<(), CliError> {
    let log = context.log().await?;
    let entry = log
        .remote
        .entry(Some(&log.name), args.id, args.size)
        .await?;
    verify_entry(&log, &entry).await?;
    if let Some(path) = &args.save_envelope {
        let sha256 = entry.envelope_sha256.ok_or_else(|| {
            CliError::new(
                Exit::Nothing,
                format!(
                    "expected an envelope kept with entry {}, found none",
                    entry.index
                ),
            )
        })?;
        save(path, &log.remote.envelope(sha256).await?)?;
    }
    let text = describe(&entry);
    context.out.result(&text, &EntryJson::from(entry))
}

/// Checks the entry's inclusion, by the checkpoint that came with it or, for an older tree, by consistency with the newest.
pub(crate) async fn verify_entry(log: &OpenLog, entry: &Entry) -> Result<(), CliError> {
    if entry.log != log.name {
        let message = format!(
            "expected an entry of log {}, found one of {}",
            log.name, entry.log
        );
        return Err(CliError::new(Exit::Failed, message));
    }
    let older = entry
        .proof
        .as_ref()
        .filter(|proof| proof.checkpoint.is_empty());
    let Some(older) = older else {
        let opened = verify::entry(entry, &log.key)?;
        return log.admit(&opened).await;
    };
    let opened = log.newest().await?;
    let (from, to) = (older.inclusion.size, opened.checkpoint().size);
    let consistency = log
        .remote
        .consistency(Some(&log.name), from, Some(to))
        .await?;
    let leaf = Hash::leaf(&entry.leaf);
    Ok(verify::entry_in_older_tree(
        &leaf,
        &older.inclusion,
        &consistency,
        &opened,
    )?)
}

fn describe(entry: &Entry) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row("log", entry.log.to_string()),
        row("index", entry.index.to_string()),
        row("leaf hash", Hash::leaf(&entry.leaf).to_hex()),
        row("logged at", time(entry.integrated_time)),
    ];
    rows.extend(
        entry
            .envelope_sha256
            .map(|sha256| row("envelope", format!("sha256:{sha256}"))),
    );
    match v2::Entry::parse(&entry.leaf) {
        Ok(leaf) => {
            rows.push(row("kind", format!("{} {}", v2::KIND, v2::API_VERSION)));
            rows.push(row(
                "signed",
                format!("{}:{}", leaf.algorithm.name(), hex::encode(&leaf.digest)),
            ));
            let signer = leaf
                .verifier
                .parse()
                .map(|key| format!("{} key {}", key.algorithm(), hex::encode(key.fingerprint())));
            rows.push(row("signer", signer.unwrap_or_else(|e| e.to_string())));
        }
        Err(_) => rows.push(row(
            "leaf",
            String::from_utf8_lossy(&entry.leaf).into_owned(),
        )),
    }
    if let Some(proof) = &entry.proof {
        rows.push(row(
            "verified",
            format!("included in the tree of size {}", proof.inclusion.size),
        ));
    }
    table(&rows)
}
