//! Whether a text is a time of RFC 3339. Nothing here compares times.

/// `2026-01-31T23:59:60.5Z`, or with an offset: digits where digits belong, in their ranges.
pub(super) fn is_time(text: &str) -> bool {
    let parts = text.split_at_checked(19);
    let Some((clock, rest)) = parts else {
        return false;
    };
    let shape = clock
        .bytes()
        .zip(b"dddd-dd-ddTdd:dd:dd")
        .all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            form => byte == *form,
        });
    let number =
        |range: std::ops::Range<usize>| clock.get(range).and_then(|text| text.parse::<u8>().ok());
    let within = |range, least, most| number(range).is_some_and(|it| (least..=most).contains(&it));
    let ranges = within(5..7, 1, 12)
        && within(8..10, 1, 31)
        && within(11..13, 0, 23)
        && within(14..16, 0, 59)
        && within(17..19, 0, 60);
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
        None => rest,
    };
    shape && ranges && is_zone(zone)
}

fn is_zone(zone: &str) -> bool {
    let form = |(byte, form): (u8, &u8)| match form {
        b'd' => byte.is_ascii_digit(),
        b's' => matches!(byte, b'+' | b'-'),
        form => byte == *form,
    };
    zone == "Z" || (zone.len() == 6 && zone.bytes().zip(b"sdd:dd").all(form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_other_texts() {
        for text in [
            "2024-06-12T07:24:34.351608Z",
            "2024-06-12T07:24:34Z",
            "2016-12-31T23:59:60Z",
            "2024-06-12T07:24:34+02:00",
            "2024-06-12T07:24:34.5-11:30",
        ] {
            assert!(is_time(text), "{text}");
        }
        for text in [
            "",
            "2024-06-12",
            "2024-06-12T07:24:34",
            "2024-06-12 07:24:34Z",
            "2024-13-12T07:24:34Z",
            "2024-06-32T07:24:34Z",
            "2024-06-12T24:24:34Z",
            "2024-06-12T07:24:34.Z",
            "2024-06-12T07:24:34+0200",
            "2024-06-12T07:24:34ZZ",
            "2024-06-12T07:24:\u{e9}4Z",
        ] {
            assert!(!is_time(text), "{text}");
        }
    }
}
