//! The one stylesheet of every page. No script, no font, nothing from elsewhere.

use axum::{Router, http::header, response::IntoResponse, routing::get};

/// The address of the stylesheet.
pub const STYLESHEET: &str = "/assets/rondo.css";

const CSS: &str = include_str!("../../assets/rondo.css");

/// The route of the stylesheet.
pub fn routes() -> Router {
    Router::new().route(STYLESHEET, get(stylesheet))
}

async fn stylesheet() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, CSS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The tokens of the light and of the dark palette, in the order of the file.
    fn palettes() -> [BTreeMap<&'static str, [f64; 3]>; 2] {
        let mut blocks = CSS.split(":root {").skip(1).map(|rest| rest.split('}').next().unwrap());
        let mut palette = || {
            blocks
                .next()
                .unwrap()
                .split(';')
                .filter_map(|line| line.trim().strip_prefix("--")?.split_once(": "))
                .map(|(name, colour)| (name, channels(colour)))
                .collect()
        };
        [palette(), palette()]
    }

    fn channels(colour: &str) -> [f64; 3] {
        let hex = colour.strip_prefix('#').unwrap();
        [0, 2, 4].map(|at| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let luminance = |[r, g, b]: [f64; 3]| 0.2126 * r + 0.7152 * g + 0.0722 * b;
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn every_text_and_every_edge_has_its_contrast_in_light_and_dark() {
        for palette in palettes() {
            for (colour, ground, least) in [
                ("ink", "page", 4.5),
                ("ink", "panel", 4.5),
                ("quiet", "page", 4.5),
                ("quiet", "panel", 4.5),
                ("accent", "page", 4.5),
                ("accent", "panel", 4.5),
                ("on-accent", "accent", 4.5),
                ("good", "good-tint", 4.5),
                ("warn", "warn-tint", 4.5),
                ("bad", "bad-tint", 4.5),
                ("info", "info-tint", 4.5),
                ("mute", "mute-tint", 4.5),
                ("edge", "page", 3.0),
                ("edge", "panel", 3.0),
            ] {
                let ratio = contrast(palette[colour], palette[ground]);
                assert!(ratio >= least, "{colour} on {ground}: {ratio:.2}");
            }
        }
    }

    #[test]
    fn the_stylesheet_is_small_and_takes_nothing_from_elsewhere() {
        assert!(CSS.len() < 16 * 1024, "{} bytes before compression", CSS.len());
        for foreign in ["url(", "@import", "http"] {
            assert!(!CSS.contains(foreign), "{foreign}");
        }
    }
}
