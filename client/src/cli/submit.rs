//! `treering submit`

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use treering_api::json::ReceiptJson;
use treering_api::log::{Receipt, Submission, Submitted};
use treering_api::{Reject, RejectKind};

use super::args::Submit;
use super::context::{Context, OpenLog};
use super::exit::{CliError, Exit};
use super::input::{Item, expected_leaves, prepare, read_items, read_key, read_verifiers};
use super::output::{save, time};
use crate::verify::{self, ProofFailure};

/// The most envelopes of one batch: a tenth of a server's default limit, so that answers come while others wait.
const BATCH_ENTRIES: usize = 100;
/// The most bytes of envelopes in one batch.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

pub(crate) async fn run(context: &Context, args: &Submit) -> Result<Exit, CliError> {
    let mut items = Vec::new();
    for path in &args.files {
        items.extend(read_items(path)?);
    }
    let key = args.key.as_deref().map(read_key).transpose()?;
    let verifiers: Vec<_> = read_verifiers(&args.public_key)?
        .into_iter()
        .map(|(bytes, _)| bytes)
        .collect();
    let log = context.log().await?;
    if let Some(key) = &key {
        key.fits(log.dialect)?;
    }
    let mut run = Run {
        context,
        args,
        log: &log,
        admitted: HashSet::new(),
        saved: 0,
        worst: Exit::Ok,
    };
    let mut batch = Vec::new();
    for item in items {
        match prepare(&item, key.as_ref(), &verifiers) {
            Err(error) => run.refused(&item, &error)?,
            Ok(submission) if item.is_line => {
                batch.push((item, submission));
                let bytes: usize = batch
                    .iter()
                    .map(|(_, submission)| submission.envelope.len())
                    .sum();
                if batch.len() == BATCH_ENTRIES || bytes > BATCH_BYTES {
                    run.submit_batch(std::mem::take(&mut batch)).await?;
                }
            }
            Ok(submission) => {
                run.submit_batch(std::mem::take(&mut batch)).await?;
                let result = log.remote.submit(Some(&log.name), submission.clone()).await;
                run.finish(&item, &submission, result).await?;
            }
        }
    }
    run.submit_batch(batch).await?;
    Ok(run.worst)
}

/// A run over several items.
struct Run<'a> {
    context: &'a Context,
    args: &'a Submit,
    log: &'a OpenLog,
    /// Checkpoints that were compared with memory already.
    admitted: HashSet<String>,
    /// Receipts written to `--output`.
    saved: usize,
    worst: Exit,
}

#[derive(Serialize)]
struct ReceiptLine<'a> {
    file: &'a str,
    #[serde(flatten)]
    receipt: &'a ReceiptJson,
}

impl Run<'_> {
    async fn submit_batch(&mut self, batch: Vec<(Item, Submission)>) -> Result<(), CliError> {
        if batch.is_empty() {
            return Ok(());
        }
        let submissions = batch
            .iter()
            .map(|(_, submission)| submission.clone())
            .collect();
        let results = self
            .log
            .remote
            .submit_batch(Some(&self.log.name), submissions)
            .await;
        for ((item, submission), result) in batch.iter().zip(results) {
            self.finish(item, submission, result).await?;
        }
        Ok(())
    }

    /// Reports one result. Only what concerns every further item, too, ends the run.
    async fn finish(
        &mut self,
        item: &Item,
        submission: &Submission,
        result: Submitted,
    ) -> Result<(), CliError> {
        let verified = match result {
            Ok(receipts) => self.verify(submission, &receipts).await.map(|()| receipts),
            Err(reject) => Err(advise(submission, reject)),
        };
        match verified {
            Ok(receipts) => receipts
                .into_iter()
                .try_for_each(|receipt| self.logged(item, receipt)),
            Err(error) if error.exit == Exit::Misbehaviour => Err(error),
            Err(error) => self.refused(item, &error),
        }
    }

    async fn verify(
        &mut self,
        submission: &Submission,
        receipts: &[Receipt],
    ) -> Result<(), CliError> {
        let expected = expected_leaves(self.log.dialect, submission)?;
        verify::expected_leaf(receipts, &expected)?;
        for receipt in receipts {
            if receipt.log != self.log.name {
                let (expected, found) = (&self.log.name, &receipt.log);
                return Err(CliError::new(
                    Exit::Failed,
                    format!("expected a receipt of log {expected}, found {found}"),
                ));
            }
            let opened = verify::receipt(receipt, &self.log.key)?;
            if !self.admitted.contains(opened.text()) {
                self.log.admit(&opened).await?;
                self.admitted.insert(opened.text().to_owned());
            }
        }
        Ok(())
    }

    fn refused(&mut self, item: &Item, error: &CliError) -> Result<(), CliError> {
        self.worst = self.worst.max(error.exit);
        self.context.out.error(Some(&item.name), error)
    }

    fn logged(&mut self, item: &Item, receipt: Receipt) -> Result<(), CliError> {
        self.save(&receipt)?;
        let text = describe(&item.name, &receipt);
        let json = ReceiptJson::from(receipt);
        self.context.out.result(
            &text,
            &ReceiptLine {
                file: &item.name,
                receipt: &json,
            },
        )
    }

    fn save(&mut self, receipt: &Receipt) -> Result<(), CliError> {
        if let Some(dir) = &self.args.receipt_dir {
            fs::create_dir_all(dir).map_err(|e| CliError::io(dir.display(), &e))?;
            let name = format!("{}-{}", receipt.log, receipt.index);
            save(
                &dir.join(format!("{name}.receipt.json")),
                &json_line(receipt)?,
            )?;
            save(
                &dir.join(format!("{name}.tlog-proof")),
                proof_file(receipt)?.as_bytes(),
            )?;
        }
        if let Some(path) = &self.args.output {
            self.saved += 1;
            append(path, receipt, self.saved)?;
        }
        Ok(())
    }
}

/// The error of a refusal; where no key came with the submission, it says how to give one.
fn advise(submission: &Submission, reject: Reject) -> CliError {
    let keyless = submission.verifiers.is_empty() && reject.kind == RejectKind::Unverified;
    let mut error = CliError::from(reject);
    if keyless {
        error
            .message
            .push_str("; if the envelope does not carry its key, give its key by --public-key");
    }
    error
}

fn describe(name: &str, receipt: &Receipt) -> String {
    let Receipt {
        log,
        index,
        integrated_time,
        duplicate,
        ..
    } = receipt;
    let at = time(*integrated_time);
    let size = receipt.proof.inclusion.size;
    if *duplicate {
        format!(
            "{name}: was logged before in {log} as index {index} at {at}; proof of size {size} verified"
        )
    } else {
        format!("{name}: logged in {log} as index {index} at {at}; proof of size {size} verified")
    }
}

fn json_line(receipt: &Receipt) -> Result<Vec<u8>, CliError> {
    let mut line = serde_json::to_vec(&ReceiptJson::from(receipt.clone()))
        .map_err(|e| CliError::new(Exit::Bug, e.to_string()))?;
    line.push(b'\n');
    Ok(line)
}

fn proof_file(receipt: &Receipt) -> Result<String, CliError> {
    let size = receipt.proof.inclusion.size;
    if receipt.proof.checkpoint.is_empty() {
        return Err(ProofFailure::NoCheckpoint { size }.into());
    }
    Ok(verify::proof_file(&receipt.proof).encode())
}

/// Writes the first receipt anew and adds the others to it.
fn append(path: &Path, receipt: &Receipt, number: usize) -> Result<(), CliError> {
    let is_proof = path
        .extension()
        .is_some_and(|extension| extension == "tlog-proof");
    if is_proof {
        if number > 1 {
            let path = path.display();
            return Err(CliError::usage(format!(
                "{path}: expected one entry for a tlog-proof file, found more; use --receipt-dir (the entries are logged)"
            )));
        }
        return save(path, proof_file(receipt)?.as_bytes());
    }
    if number == 1 {
        return save(path, &json_line(receipt)?);
    }
    let line = json_line(receipt)?;
    let added = fs::File::options()
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(&line));
    added.map_err(|e| CliError::io(path.display(), &e))
}
