//! The filters that come with minutebook, so that it works before anybody has written one.
//!
//! They are built by `wasm-filters/build` and committed: building minutebook needs no WebAssembly
//! toolchain. They run in the same sandbox as a stranger's.

const STOCK: &[(&str, &[u8])] = &[
    ("default", include_bytes!("../../wasm-filters/default.wasm")),
    ("cel", include_bytes!("../../wasm-filters/cel.wasm")),
];

/// The bytes of a stock filter, if there is one of this name.
#[must_use]
pub fn stock(name: &str) -> Option<&'static [u8]> {
    STOCK.iter().find(|(stock, _)| *stock == name).map(|(_, bytes)| *bytes)
}

/// The names of the stock filters.
pub fn stock_names() -> impl Iterator<Item = &'static str> {
    STOCK.iter().map(|(name, _)| *name)
}

/// Whether these are the bytes of one of them.
pub(super) fn is_stock(component: &[u8]) -> bool {
    STOCK.iter().any(|(_, bytes)| *bytes == component)
}
