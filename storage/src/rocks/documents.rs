//! Documents: rows that change, written and synced under the writer's mutex as records are.
//!
//! A held document is a row and its body, both in one write; or a row and a file that was durable before it. Files that
//! no row names are removed when the store is opened.

mod rows;
#[cfg(test)]
mod tests;

use std::slice;

use bytes::Bytes;
use rocksdb::WriteBatch;
use treering_tlog::LeafIndex;

use super::RocksStore;
use crate::documents::codec::HeldIn;
use crate::documents::{self, Attached, Document, Documents, Gitoid, Held};
use crate::record::EnvelopeRef;
use crate::{CommitError, LogId, StoreError};
use rows::unread;

impl Documents for RocksStore {
    /// Die before the write: a large body is a file that no row names. Die after it: it is held.
    fn hold(&self, held: &Held, body: &EnvelopeRef) -> Result<(), CommitError> {
        documents::check_body(held.envelope_sha256, body)?;
        let mut writer = self.writer()?.lock();
        writer.refuse_if_failed()?;
        let there = self.held_row(held.gitoid).map_err(unread)?;
        let attached = self.attached_to(held.gitoid).map_err(unread)?;
        if there.is_some() || attached.is_some() {
            if there.is_none_or(|(_, body)| body == HeldIn::Row) {
                self.files.remove_held(held.envelope_sha256);
            }
            return Ok(());
        }
        let batch = self.batch_of_held(held, body)?;
        let written = self.write(&mut writer, batch);
        if let Err(CommitError::Full { .. }) = written {
            self.files.remove_held(held.envelope_sha256);
        }
        written
    }

    /// Die before the write: a large body has two names, one of which is removed at the next start. Die after it: it
    /// is attached, and the name among the held ones is removed at the next start.
    fn attach(&self, attached: &Attached, body: Option<&EnvelopeRef>) -> Result<(), CommitError> {
        let sha256 = attached.envelope_sha256;
        body.map_or(Ok(()), |body| documents::check_body(sha256, body))?;
        let mut writer = self.writer()?.lock();
        writer.refuse_if_failed()?;
        documents::check_entry(attached, self.visible_head(attached.log).size)?;
        let mut batch = WriteBatch::default();
        if self.is_attached(attached).map_err(unread)? {
            self.files.remove_held(sha256);
            return Ok(());
        }
        let in_row = self.put_body(&mut batch, attached, body)?;
        self.put_documents(&mut batch, slice::from_ref(attached))?;
        self.check_room(&batch)?;
        if !in_row && !self.keep_file(sha256)? {
            return Err(documents::no_body(attached.gitoid, sha256));
        }
        self.write_synced(&mut writer, batch)?;
        self.files.remove_held(sha256);
        Ok(())
    }

    /// Die after the write, and a file that no row names is removed at the next start. It takes room to make room, so
    /// the reserve is not asked.
    fn expire(&self, gitoid: Gitoid) -> Result<bool, CommitError> {
        let mut writer = self.writer()?.lock();
        writer.refuse_if_failed()?;
        let Some((held, body)) = self.held_row(gitoid).map_err(unread)? else {
            return Ok(false);
        };
        let mut batch = WriteBatch::default();
        self.release(&mut batch, gitoid);
        self.write_synced(&mut writer, batch)?;
        if body == HeldIn::File {
            self.files.remove_held(held.envelope_sha256);
        }
        Ok(true)
    }

    fn held(&self) -> Result<Vec<Held>, StoreError> {
        let mut all = Vec::new();
        self.scan_held(|held, _| all.push(held))?;
        Ok(documents::oldest_first(all))
    }

    /// Asks first whether it is held: what is held no longer when it is asked second has been attached, and stays so.
    fn document(&self, gitoid: Gitoid) -> Result<Option<Document>, StoreError> {
        if let Some((held, _)) = self.held_row(gitoid)? {
            return Ok(Some(Document::Held(held)));
        }
        let Some((log, index)) = self.attached_to(gitoid)? else {
            return Ok(None);
        };
        if !self.is_shown(log, index) {
            return Ok(None);
        }
        self.attached_row(log, index, gitoid)
            .map(|attached| Some(Document::Attached(attached)))
    }

    fn attachments(&self, log: LogId, index: LeafIndex) -> Result<Vec<Attached>, StoreError> {
        if !self.visible_head(log).size.contains(index) {
            return Ok(Vec::new());
        }
        self.scan_attachments(log, index)
    }

    fn held_body(&self, gitoid: Gitoid) -> Result<Option<Bytes>, StoreError> {
        match (self.read_held(gitoid), &self.writer) {
            // Released while it was read, or damaged: while nobody writes it is clear which.
            (Err(StoreError::Corrupt { .. }), Some(writer)) => {
                let _nobody_writes = writer.lock();
                self.read_held(gitoid)
            }
            (read, _) => read,
        }
    }
}
