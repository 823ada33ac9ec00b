//! Rows for `COPY … FROM STDIN (FORMAT binary)`, the cheapest way into a table: no statement to plan,
//! no parameters to take apart, and a page's worth of rows in one log record. It cannot skip a row
//! whose key is taken, so it is for rows that are expected to be new.
//!
//! The format is described in PostgreSQL's manual under COPY, "Binary Format".

use sqlx::PgConnection;

/// Signature, no flags, no header extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// A column count of -1.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// A length of -1.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// From so many rows on `COPY` costs less than the round trip that it takes more.
pub(crate) const COPY_FROM: usize = 16;

/// Rows of one table, in the order of its `COPY` statement's columns.
pub(crate) struct CopyRows {
    statement: &'static str,
    columns: i16,
    bytes: Vec<u8>,
}

impl CopyRows {
    /// For `rows` rows of about `row_bytes` bytes.
    pub(crate) fn new(statement: &'static str, columns: i16, rows: usize, row_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER.len() + rows * row_bytes);
        bytes.extend_from_slice(HEADER);
        Self { statement, columns, bytes }
    }

    /// Begins a row: each of its columns follows.
    pub(crate) fn row(&mut self) -> &mut Self {
        self.bytes.extend_from_slice(&self.columns.to_be_bytes());
        self
    }

    /// A column of bytes or text, or of a type whose binary form these are (`json`, `uuid`).
    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        // A comment is far smaller than 2 GiB; the server refuses what does not add up.
        self.bytes.extend_from_slice(&(value.len() as i32).to_be_bytes());
        self.bytes.extend_from_slice(value);
        self
    }

    /// A column of text.
    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    /// A column of bytes or text that may be null.
    pub(crate) fn optional(&mut self, value: Option<impl AsRef<[u8]>>) -> &mut Self {
        let Some(value) = value else {
            self.bytes.extend_from_slice(&NULL);
            return self;
        };
        self.bytes(value.as_ref())
    }

    /// A `bigint` column.
    pub(crate) fn bigint(&mut self, value: i64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// A `smallint` column.
    pub(crate) fn smallint(&mut self, value: i16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// A `float8` column.
    pub(crate) fn float8(&mut self, value: f64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// A `boolean` column.
    pub(crate) fn boolean(&mut self, value: bool) -> &mut Self {
        self.bytes(&[u8::from(value)])
    }

    /// Sends the rows.
    ///
    /// # Errors
    /// A taken key is an error like any other, and ends the transaction.
    pub(crate) async fn send(mut self, transaction: &mut PgConnection) -> sqlx::Result<()> {
        self.bytes.extend_from_slice(&TRAILER);
        let mut copy = transaction.copy_in_raw(self.statement).await?;
        copy.send(self.bytes).await?;
        copy.finish().await?;
        Ok(())
    }
}
