//! Cells of tables that people open in a spreadsheet.

use std::borrow::Cow;

/// A cell that a spreadsheet takes for text, whoever chose its words: one that it would take for a formula
/// gets an apostrophe before it. Numbers stay numbers.
///
/// These beginnings are those that OWASP names for CSV injection.
pub fn text_cell(cell: &str) -> Cow<'_, str> {
    let is_number = cell.parse::<f64>().is_ok();
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && !is_number {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_somebody_typed_is_a_formula() {
        for formula in ["=HYPERLINK(\"x\")", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1"]
        {
            assert_eq!(text_cell(formula), format!("'{formula}"));
        }
        for harmless in ["", "Ada", "a=b", "-1.5", "+4", "2026-01-31", "[\"=1\"]"] {
            assert_eq!(text_cell(harmless), harmless);
        }
    }
}
