use treering_tlog::{CompactRange, Growth};

use super::*;

#[test]
fn the_path_of_an_entry_holds_the_root_before_it() {
    let leaves: Vec<_> = (0..70u8).map(|leaf| Hash::leaf(&[leaf])).collect();
    let tree = |size: usize| Growth::new(&CompactRange::new(), leaves.iter().take(size).copied());
    for size in 1..=leaves.len() {
        let whole = tree(size);
        for index in 0..size {
            let proof = whole.prove(LeafIndex::new(index as u64).unwrap()).unwrap();
            let expected = (index > 0).then(|| tree(index).root());
            assert_eq!(root_before(&proof), expected, "{index} of {size}");
        }
    }
}
