//! A corpus as a file, so that signing a million envelopes is done once. Line 1 is `treering-corpus 1`, line 2 the spec as
//! JSON; then for each envelope its length (4 bytes, big-endian) and its bytes, and nothing after the last.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::{
    Context, Corpus, CorpusSpec, MAX_BYTES, SEGMENT, Segment, bail, corpus_key, ensure, signing_key,
};

impl Corpus {
    /// Writes the corpus to a new file.
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub(crate) fn save(&self, path: &Path) -> anyhow::Result<()> {
        let file =
            File::create_new(path).with_context(|| format!("cannot create {}", path.display()))?;
        let mut out = BufWriter::with_capacity(BUFFER, file);
        writeln!(out, "{MAGIC}")?;
        writeln!(out, "{}", serde_json::to_string(&self.spec)?)?;
        for number in 0..self.len() {
            let envelope = self.envelope(number).context("a corpus with a gap")?;
            out.write_all(&u32::try_from(envelope.len())?.to_be_bytes())?;
            out.write_all(&envelope)?;
        }
        out.into_inner()
            .map_err(std::io::IntoInnerError::into_error)?
            .sync_all()?;
        Ok(())
    }

    /// Reads a corpus that [`Corpus::save`] wrote.
    ///
    /// # Errors
    /// The file cannot be read, is cut short or goes on too long, or is not a corpus of this version.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        Self::read(BufReader::with_capacity(BUFFER, file))
            .with_context(|| format!("cannot read {}", path.display()))
    }

    pub(super) fn read(mut input: impl BufRead) -> anyhow::Result<Self> {
        let magic = line(&mut input)?;
        ensure!(
            magic == MAGIC,
            "expected first line {MAGIC:?}, found {magic:?}"
        );
        let spec: CorpusSpec =
            serde_json::from_str(&line(&mut input)?).context("malformed second line")?;
        spec.validate()?;
        let keys = (0..spec.keys)
            .map(|number| corpus_key(&signing_key(spec.seed, number)))
            .collect::<Result<_, _>>()?;
        let mut segments = Vec::new();
        let mut left = spec.count;
        while left > 0 {
            let count = left.min(SEGMENT);
            segments.push(
                segment(&mut input, count)
                    .with_context(|| format!("{left} envelopes before the end"))?,
            );
            left -= count;
        }
        let after = input.fill_buf()?.len();
        ensure!(
            after == 0,
            "expected the end after {} envelopes, found more bytes",
            spec.count
        );
        Ok(Self {
            spec,
            keys,
            segments,
        })
    }
}

fn line(input: &mut impl BufRead) -> anyhow::Result<String> {
    let mut text = String::new();
    input
        .take(MAX_LINE)
        .read_line(&mut text)
        .context("expected a line of text")?;
    match text.strip_suffix('\n') {
        Some(line) => Ok(line.to_owned()),
        None => bail!("expected a line of less than {MAX_LINE} bytes"),
    }
}

fn segment(input: &mut impl Read, count: u64) -> anyhow::Result<Segment> {
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    for _ in 0..count {
        let mut length = [0; 4];
        input.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length);
        ensure!(
            length <= 2 * MAX_BYTES,
            "expected an envelope of at most {} bytes, found {length}",
            2 * MAX_BYTES
        );
        let found = input.take(length.into()).read_to_end(&mut bytes)?;
        ensure!(
            found == usize::try_from(length)?,
            "expected {length} bytes of an envelope, found {found}"
        );
        ends.push(bytes.len());
    }
    Ok(Segment {
        bytes: bytes.into(),
        ends,
    })
}

const MAGIC: &str = "treering-corpus 1";
const MAX_LINE: u64 = 4096;
const BUFFER: usize = 1 << 20;
