#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| treering_fuzz::rekor::rekor_v1_tuf(data));
