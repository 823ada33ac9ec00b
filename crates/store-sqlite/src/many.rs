//! Many rows in one statement that is prepared once.
//!
//! A statement for each number of rows would be prepared nearly every time, and kept: one of 256 comments
//! takes half a megabyte. So there are few sizes, and places that are left over hold NULL.

use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, Encode, Sqlite, SqliteConnection, Type};

/// Rows that statements are made for. The last is the most that one takes.
const SIZES: [usize; 5] = [1, 4, 16, 64, ROWS_AT_ONCE];

/// Most rows in one statement. It takes 32,766 parameters, and the widest row has 25.
pub(crate) const ROWS_AT_ONCE: usize = 256;

/// A statement with its parameters.
pub(crate) struct Many<'r> {
    statement: String,
    arguments: SqliteArguments<'r>,
}

/// The values of rows, one after the other.
pub(crate) struct Values<'r> {
    arguments: SqliteArguments<'r>,
    unreadable: Option<sqlx::Error>,
}

impl<'r> Many<'r> {
    /// Inserts rows, [`ROWS_AT_ONCE`] at most, of which the first column is never NULL. `into` is the
    /// statement up to its columns, `conflict` what follows where a row is there already.
    pub(crate) fn insert<R>(
        into: &str,
        rows: &'r [R],
        bind: impl Fn(&'r R, &mut Values<'r>),
        conflict: &str,
    ) -> sqlx::Result<Self> {
        let after = format!("WHERE column1 IS NOT NULL {conflict}");
        Self::new(&format!("{into} SELECT * FROM"), rows, bind, &after)
    }

    /// A statement in whose midst these rows stand as a table, and some of nothing but NULL after them.
    pub(crate) fn new<R>(
        before: &str,
        rows: &'r [R],
        bind: impl Fn(&'r R, &mut Values<'r>),
        after: &str,
    ) -> sqlx::Result<Self> {
        let mut values = Values { arguments: SqliteArguments::default(), unreadable: None };
        for row in rows {
            bind(row, &mut values);
        }
        let Values { arguments, unreadable } = values;
        if let Some(error) = unreadable {
            return Err(error);
        }
        let columns = arguments.len() / rows.len().max(1);
        let size = SIZES.into_iter().find(|size| rows.len() <= *size).unwrap_or(rows.len());
        let row = format!("({})", vec!["?"; columns].join(","));
        let statement = format!("{before} (VALUES {}) {after}", vec![row.as_str(); size].join(","));
        Ok(Self { statement, arguments })
    }

    pub(crate) async fn execute(self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        sqlx::query_with(&self.statement, self.arguments).execute(connection).await?;
        Ok(())
    }
}

impl<'r> Values<'r> {
    /// Adds the value of the next column.
    pub(crate) fn bind<T: Encode<'r, Sqlite> + Type<Sqlite> + 'r>(&mut self, value: T) -> &mut Self {
        if let Err(error) = self.arguments.add(value) {
            self.unreadable.get_or_insert(sqlx::Error::Encode(error));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, Row as _};

    use super::*;

    #[tokio::test]
    async fn places_left_over_insert_nothing_and_few_statements_do() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::query("CREATE TABLE t (a INTEGER NOT NULL, b TEXT)").execute(&mut connection).await.unwrap();
        let mut statements = std::collections::HashSet::new();
        // Downwards, too: nothing may be left of the values of a longer one.
        for rows in (1..=ROWS_AT_ONCE).chain((1..=ROWS_AT_ONCE).rev()) {
            let rows: Vec<usize> = (0..rows).collect();
            let bind = |row: &usize, values: &mut Values<'_>| {
                values.bind(*row as i64).bind(None::<&str>);
            };
            let insert = Many::insert("INSERT INTO t", &rows, bind, "").unwrap();
            statements.insert(insert.statement.clone());
            insert.execute(&mut connection).await.unwrap();
            let found = sqlx::query("DELETE FROM t RETURNING a").fetch_all(&mut connection).await.unwrap();
            let found: Vec<usize> = found.iter().map(|row| row.get::<i64, _>(0) as usize).collect();
            assert_eq!(found, rows);
        }
        assert_eq!(statements.len(), SIZES.len());
    }
}
