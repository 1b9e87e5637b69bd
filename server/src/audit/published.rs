//! What was published outside the store, against the store.

use treering_storage::StoreError;
use treering_tlog::checkpoint;
use treering_tlog::note::VerifierKey;
use treering_tlog::{Hash, TreeSize};

use super::Pass;
use crate::log::mark::Mark;
use crate::log::recover::other_mark;

impl Pass<'_> {
    pub(super) fn check_published(&mut self, vkey: Option<&str>) -> Result<(), StoreError> {
        let Some(note) = self.audited.published.get(self.log.name.as_str()) else {
            return Ok(());
        };
        let Some(note) = self.found("published checkpoint", note.clone())? else {
            return Ok(());
        };
        let Some(key) = vkey.and_then(|vkey| VerifierKey::parse(vkey).ok()) else {
            self.damage(
                "expected a checkpoint key to open the published checkpoint with, found none",
            );
            return Ok(());
        };
        let opened = match checkpoint::open(note.as_bytes(), &key) {
            Ok(opened) => opened,
            Err(error) => {
                self.damage(format!("published checkpoint: {error}"));
                return Ok(());
            }
        };
        if let Some(found) = other_mark(&opened, self.log.mark.as_ref()) {
            let expected = self.log.mark.as_ref().map_or("none", Mark::as_str);
            self.damage(format!(
                "extension lines of the published checkpoint: expected {expected:?}, found {found:?}"
            ));
        }
        let published = opened.checkpoint();
        if published.size > self.edge.size() {
            self.damage(format!(
                "expected at least size {}, which was published, found {}",
                published.size,
                self.edge.size()
            ));
        } else if published.size == self.edge.size() {
            let found = self.edge.root();
            self.expect("published root", &published.root, &found);
        } else {
            self.check_older_root(published.size, published.root)?;
        }
        Ok(())
    }

    fn check_older_root(&mut self, size: TreeSize, expected: Hash) -> Result<(), StoreError> {
        let nodes = crate::log::nodes::StoreNodes::new(self.audited.store, self.log.id, &self.edge);
        let found = crate::log::recover::root_from(&nodes, size);
        let what = format!("published root at size {size}");
        if let Some(found) = self.found(&what, found)? {
            self.expect(&what, &expected, &found);
        }
        Ok(())
    }
}
