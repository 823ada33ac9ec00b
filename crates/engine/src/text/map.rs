//! From a byte of a view back to the bytes of the text it was made from, exactly.

use std::ops::Range;

/// Where each byte of a view came from.
///
/// An untouched text costs nothing: it is one flag. Otherwise the view is a list of segments, each
/// either *linear* (byte n of the view is byte n of the source) or an *atom* (some bytes of the view
/// stand for some bytes of the source as a whole, as `&amp;` stands for `&`).
#[derive(Debug, Clone, Default)]
pub(crate) struct ByteMap {
    /// Empty: the identity.
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    /// First byte in the view.
    view: u32,
    /// First byte in the source.
    source: u32,
    /// Bytes in the source; of a linear segment, also in the view.
    len: u32,
    linear: bool,
}

impl ByteMap {
    /// The map of a view that has the same byte offsets as its source.
    pub(crate) const fn identity() -> Self {
        Self { segments: Vec::new() }
    }

    /// The bytes of the source that a range of the view (on character boundaries) came from. What
    /// was dropped from the view directly before or after the range is not part of it.
    pub(crate) fn source(&self, view: Range<usize>) -> Range<usize> {
        if self.segments.is_empty() {
            return view;
        }
        if view.is_empty() {
            let at = self.start_of(view.start);
            return at..at;
        }
        self.start_of(view.start)..self.end_of(view.end)
    }

    fn start_of(&self, at: usize) -> usize {
        let segment = self.segment_at(at);
        let source = segment.source as usize;
        if segment.linear { source + (at - segment.view as usize).min(segment.len as usize) } else { source }
    }

    fn end_of(&self, at: usize) -> usize {
        let segment = self.segment_at(at.saturating_sub(1));
        let source = segment.source as usize;
        let length = segment.len as usize;
        if segment.linear { source + (at - segment.view as usize).min(length) } else { source + length }
    }

    fn segment_at(&self, at: usize) -> Segment {
        let after = self.segments.partition_point(|segment| segment.view as usize <= at);
        self.segments[after.saturating_sub(1)]
    }
}

/// A text together with its map, while it is being written.
#[derive(Debug, Default)]
pub(crate) struct MappedWriter {
    text: String,
    segments: Vec<Segment>,
}

impl MappedWriter {
    /// Room for a text about as long as its source.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), segments: Vec::with_capacity(8) }
    }

    /// Copies `text`, which stands at `source` and has the same character boundaries there.
    pub(crate) fn same(&mut self, text: &str, source: usize) {
        if text.is_empty() {
            return;
        }
        self.extend_linear(source, text.len());
        self.text.push_str(text);
    }

    /// Copies `text`, which stands at `source`, in lower case (of ASCII letters).
    pub(crate) fn lower_case(&mut self, text: &str, source: usize) {
        let written = self.text.len();
        self.same(text, source);
        self.text[written..].make_ascii_lowercase();
    }

    /// Writes one character that takes as many bytes as the one at `source` that it replaces.
    pub(crate) fn same_char(&mut self, ch: char, source: usize) {
        self.extend_linear(source, ch.len_utf8());
        self.text.push(ch);
    }

    /// Writes what stands for the whole of `source`.
    pub(crate) fn atom(&mut self, text: &str, source: Range<usize>) {
        if text.is_empty() {
            return;
        }
        let segment = Segment {
            view: self.text.len() as u32,
            source: source.start as u32,
            len: (source.end - source.start) as u32,
            linear: false,
        };
        self.segments.push(segment);
        self.text.push_str(text);
    }

    /// How many bytes are written.
    pub(crate) const fn len(&self) -> usize {
        self.text.len()
    }

    /// The character written last.
    pub(crate) fn last(&self) -> Option<char> {
        self.text.chars().next_back()
    }

    /// The text and its map.
    pub(crate) fn finish(mut self) -> (String, ByteMap) {
        if self.segments.is_empty() {
            // An empty view of a text that is not: any position maps to its start.
            self.segments.push(Segment { view: 0, source: 0, len: 0, linear: false });
        }
        (self.text, ByteMap { segments: self.segments })
    }

    fn extend_linear(&mut self, source: usize, len: usize) {
        let view = self.text.len();
        if let Some(last) = self.segments.last_mut()
            && last.linear
            && (last.source + last.len) as usize == source
            && (last.view + last.len) as usize == view
        {
            last.len += len as u32;
            return;
        }
        self.segments.push(Segment {
            view: view as u32,
            source: source as u32,
            len: len as u32,
            linear: true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_maps_to_exactly_what_it_came_from() {
        // Source: "ab&amp;<b>c", view: "ab&c".
        let mut writer = MappedWriter::default();
        writer.same("ab", 0);
        writer.atom("&", 2..7);
        writer.same("c", 10);
        let (text, map) = writer.finish();
        assert_eq!(text, "ab&c");
        assert_eq!(map.source(0..2), 0..2);
        assert_eq!(map.source(1..3), 1..7);
        assert_eq!(map.source(2..3), 2..7);
        assert_eq!(map.source(2..4), 2..11);
        assert_eq!(map.source(3..4), 10..11);
    }
}
