//! How RocksDB is set up. Sized for 20,000 entries a second on two cores, each with 1 kB of leaf and 1 kB of envelope.
//!
//! RocksDB is built without compressors: tiles and hashes do not shrink, envelopes are packed one by one before they
//! get here (`rows`). Leaves, envelopes and tiles go to blob files, where they are written once and never moved;
//! what is sorted and merged again and again is only keys.

use rocksdb::statistics::StatsLevel;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType,
    DBRecoveryMode, DataBlockIndexType, InfoLogger, LogLevel, LruCacheOptions, Options,
    SliceTransform,
};

use super::RocksOptions;
use crate::keys;

/// Where RocksDB starts a new file of values; the more files, the more open descriptors (40 at 10 GB).
const BLOB_FILE_BYTES: u64 = 256 << 20;
/// Smaller leaves and envelopes stay in the tables: a blob costs an extra read.
const BLOB_MIN_BYTES: u64 = 512;
/// The write-ahead logs together, and what a restart reads again, in about a second. Room for the 160,000 entries after
/// which the memtable of `dedup` is full by itself.
const WAL_BYTES: u64 = 384 << 20;
/// RocksDB's own log: two files of 1 MiB, warnings only.
const LOG_BYTES: usize = 1 << 20;
/// About one wrong answer in a hundred, each costing one block read; never a wrong index.
const FILTER_BITS: f64 = 10.0;

/// The options of the database as a whole.
pub(super) fn database() -> Options {
    let mut db = Options::default();
    db.create_if_missing(true);
    db.create_missing_column_families(true);
    db.set_paranoid_checks(true);
    // A torn tail is what kill -9 leaves; AbsoluteConsistency would refuse to start on it.
    db.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    db.set_track_and_verify_wals_in_manifest(true);
    db.set_max_total_wal_size(WAL_BYTES);
    // One flush and one compaction; the other core belongs to the server.
    db.set_max_background_jobs(2);
    db.set_bytes_per_sync(1 << 20);
    db.set_max_open_files(512);
    db.set_keep_log_file_num(2);
    db.set_max_log_file_size(LOG_BYTES);
    db.set_log_level(LogLevel::Warn);
    db.set_stats_dump_period_sec(0);
    db.set_stats_persist_period_sec(0);
    db.set_max_manifest_file_size(16 << 20);
    db.set_statistics_level(StatsLevel::DisableAll);
    db
}

/// The same for a reader, who must not touch the log files of the server that may be running.
pub(super) fn read_only() -> Options {
    let mut db = database();
    db.create_if_missing(false);
    db.create_missing_column_families(false);
    // Opens every table at once, so that the server may merge them away underneath us.
    db.set_max_open_files(-1);
    db.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Fatal, |_, _| ()));
    db
}

/// The options of each column family that is wanted, in the order of [`keys::ALL`].
pub(super) fn families(
    options: &RocksOptions,
    wanted: impl Fn(&str) -> bool,
) -> Vec<ColumnFamilyDescriptor> {
    let mut lru = LruCacheOptions::default();
    lru.set_capacity(options.block_cache_bytes);
    // The default cuts a small cache into shards of 512 KiB, which hold no filter of a large table.
    lru.set_num_shard_bits(2);
    let cache = Cache::new_lru_cache_opts(&lru);
    keys::ALL
        .into_iter()
        .filter(|name| wanted(name))
        .map(|name| ColumnFamilyDescriptor::new(name, family(name, options, &cache)))
        .collect()
}

fn family(name: &str, options: &RocksOptions, cache: &Cache) -> Options {
    let mut family = Options::default();
    family.set_compression_type(DBCompressionType::None);
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(6);
    match name {
        keys::ENTRIES | keys::ENVELOPES => {
            large(&mut family, options.write_buffer_bytes / 8 * 3);
            blobs(&mut family, BLOB_MIN_BYTES);
            table.set_block_size(16 << 10);
        }
        keys::DEDUP => {
            large(&mut family, options.write_buffer_bytes / 4);
            table.set_whole_key_filtering(true);
            // Most keys that are asked for are new: without this each is searched for in the memtable.
            family.set_memtable_whole_key_filtering(true);
            family.set_memtable_prefix_bloom_ratio(0.05);
            filtered(&mut table);
            table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
        }
        keys::TERMS => {
            large(&mut family, options.write_buffer_bytes / 4);
            // Nobody asks for a whole key: a search is for all entries of a log with a term, which are side by side.
            let prefix = SliceTransform::create_fixed_prefix(keys::TERM_PREFIX_LEN);
            family.set_prefix_extractor(prefix);
            family.set_memtable_prefix_bloom_ratio(0.05);
            table.set_whole_key_filtering(false);
            filtered(&mut table);
        }
        // In the order of the log, so that tables hardly overlap; too small to gain by blob files.
        keys::TIMESTAMPS => large(&mut family, options.write_buffer_bytes / 16),
        // Two lookups of each document that is committed, mostly of one that is new.
        keys::DOCUMENTS => {
            large(&mut family, options.write_buffer_bytes / 16);
            family.set_memtable_whole_key_filtering(true);
            family.set_memtable_prefix_bloom_ratio(0.05);
            filtered(&mut table);
        }
        keys::HELD => {
            family.set_write_buffer_size(1 << 20);
            filtered(&mut table);
        }
        // In tables, for merging to take away what has expired.
        keys::HELD_BODIES | keys::ATTACHMENTS => {
            large(&mut family, options.write_buffer_bytes / 16)
        }
        keys::TILES => {
            large(&mut family, options.write_buffer_bytes / 16);
            blobs(&mut family, 4 << 10);
        }
        // Heads, events and batches: a row a commit. A small buffer also means small arenas.
        _ => family.set_write_buffer_size(1 << 20),
    }
    family.set_block_based_table_factory(&table);
    family
}

/// Filters, and they and the index in blocks of 4 KiB, so that the cache can hold the part of them that is asked.
fn filtered(table: &mut BlockBasedOptions) {
    table.set_ribbon_filter(FILTER_BITS);
    table.set_partition_filters(true);
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_metadata_block_size(4 << 10);
    table.set_pin_top_level_index_and_filter(true);
    table.set_block_size(4 << 10);
}

fn large(family: &mut Options, write_buffer_bytes: usize) {
    family.set_write_buffer_size(write_buffer_bytes);
    family.set_max_write_buffer_number(2);
    family.set_target_file_size_base(32 << 20);
    family.set_max_bytes_for_level_base(128 << 20);
    family.set_level_compaction_dynamic_level_bytes(true);
}

/// Values of at least `min_bytes` go to blob files. Nothing is ever deleted from them, so there is nothing to
/// collect.
fn blobs(family: &mut Options, min_bytes: u64) {
    family.set_enable_blob_files(true);
    family.set_min_blob_size(min_bytes);
    family.set_blob_file_size(BLOB_FILE_BYTES);
    family.set_blob_compression_type(DBCompressionType::None);
    family.set_enable_blob_gc(false);
}
