#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| treering_fuzz::facts::container(data));
