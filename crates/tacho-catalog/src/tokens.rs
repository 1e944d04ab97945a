//! Join and API tokens. A token's secret is 32 random bytes that only its holder knows; the catalog has
//! its SHA-256. The secret is as good as random, so a plain hash can not be guessed back, and a lookup by
//! hash tells an attacker nothing about how close a guess was.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Catalog, CatalogError, hex};

/// What a caller may do; each may do all that the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads everything but tokens and users.
    Viewer,
    /// Changes what is watched: removes hosts.
    Operator,
    /// Manages tokens and users.
    Admin,
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Lets an agent join.
    Join,
    /// Lets a program call the API.
    Api,
}

/// A token to be stored.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Names the token in lists, logs and when it is revoked; not secret.
    pub id: String,
    pub kind: TokenKind,
    /// Of an API token; a join token has none.
    pub role: Option<Role>,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    pub note: String,
    pub created_ms: i64,
    /// Absent: never.
    pub expires_ms: Option<i64>,
    /// How many agents may join with it; absent: any number. Ignored for API tokens.
    pub uses_left: Option<i64>,
    /// Id of the host that joins again with it, whatever it is called now; absent: any host.
    pub host_id: Option<String>,
}

/// A stored token, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    pub id: String,
    pub kind: TokenKind,
    pub role: Option<Role>,
    pub note: String,
    pub created_ms: i64,
    pub expires_ms: Option<i64>,
    pub uses_left: Option<i64>,
    pub revoked_ms: Option<i64>,
}

/// A valid API token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    pub id: String,
    pub role: Role,
    /// Absent: never.
    pub expires_ms: Option<i64>,
}

/// A valid join token, used once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinToken {
    pub id: String,
    /// The host that joins again with it; absent: any.
    pub host_id: Option<String>,
}

/// Why a join token does not let anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinTokenProblem {
    #[error("the join token is not known here")]
    Unknown,
    #[error("the join token has expired")]
    Expired,
    #[error("the join token was revoked")]
    Revoked,
    #[error("the join token was used as often as it may be")]
    UsedUp,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// As in the catalog, the API and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl TokenKind {
    pub const ALL: [Self; 2] = [Self::Join, Self::Api];

    /// As in the catalog, the API and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Api => "api",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Catalog {
    /// Stores a token.
    pub async fn create_token(&self, token: &NewToken) -> Result<(), CatalogError> {
        sqlx::query(
            "INSERT INTO tokens (id, kind, role, hash, note, created_ms, expires_ms, uses_left, host_id) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&token.id)
        .bind(token.kind.name())
        .bind(token.role.map(Role::name))
        .bind(hex(&token.hash))
        .bind(&token.note)
        .bind(token.created_ms)
        .bind(token.expires_ms)
        .bind(token.uses_left)
        .bind(&token.host_id)
        .execute(&self.pool)
        .await
        .map_err(CatalogError::query("store a token"))?;
        Ok(())
    }

    /// All tokens, newest first, revoked and expired ones too.
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>, CatalogError> {
        let doing = "list tokens";
        sqlx::query(
            "SELECT id, kind, role, note, created_ms, expires_ms, uses_left, revoked_ms FROM tokens \
             ORDER BY created_ms DESC, id",
        )
        .fetch_all(&self.pool)
        .await
        .and_then(|rows| rows.iter().map(token_record).collect())
        .map_err(CatalogError::query(doing))
    }

    /// Makes a token worthless from now on; `false` when there is none with this id that still was valid.
    pub async fn revoke_token(&self, id: &str, now_ms: i64) -> Result<bool, CatalogError> {
        let done = sqlx::query("UPDATE tokens SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL")
            .bind(now_ms)
            .bind(id)
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query("revoke a token"))?;
        Ok(done.rows_affected() > 0)
    }

    /// The API token with this hash, when it is valid at `now_ms`.
    pub async fn api_token(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<ApiToken>, CatalogError> {
        let doing = "look up an api token";
        let row = sqlx::query(
            "SELECT id, role, expires_ms FROM tokens WHERE hash = ? AND kind = 'api' AND revoked_ms IS NULL \
             AND (expires_ms IS NULL OR expires_ms > ?)",
        )
        .bind(hex(hash))
        .bind(now_ms)
        .fetch_optional(&self.pool)
        .await
        .map_err(CatalogError::query(doing))?;
        let Some(row) = row else { return Ok(None) };
        let id = row.try_get("id").map_err(CatalogError::query(doing))?;
        let role = role(&row, "role").map_err(CatalogError::query(doing))?;
        let expires_ms = row.try_get("expires_ms").map_err(CatalogError::query(doing))?;
        Ok(Some(ApiToken { id, role, expires_ms }))
    }

    /// Uses a join token once. Two agents that come at the same moment with a token for one can not both
    /// get in, because check and count are one statement.
    pub async fn use_join_token(
        &self,
        hash: &[u8; 32],
        now_ms: i64,
    ) -> Result<Result<JoinToken, JoinTokenProblem>, CatalogError> {
        let used = sqlx::query(
            "UPDATE tokens SET uses_left = uses_left - 1 WHERE hash = ? AND kind = 'join' \
             AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > ?) \
             AND (uses_left IS NULL OR uses_left > 0)",
        )
        .bind(hex(hash))
        .bind(now_ms)
        .execute(&self.pool)
        .await
        .map_err(CatalogError::query("use a join token"))?;
        self.join_token(hash, now_ms, used.rows_affected() > 0)
            .await
            .map_err(CatalogError::query("look up a join token"))
    }

    async fn join_token(
        &self,
        hash: &[u8; 32],
        now_ms: i64,
        used: bool,
    ) -> Result<Result<JoinToken, JoinTokenProblem>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT id, expires_ms, revoked_ms, host_id FROM tokens WHERE hash = ? AND kind = 'join'",
        )
        .bind(hex(hash))
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(Err(JoinTokenProblem::Unknown)) };
        if used {
            return Ok(Ok(JoinToken { id: row.try_get("id")?, host_id: row.try_get("host_id")? }));
        }
        if row.try_get::<Option<i64>, _>("revoked_ms")?.is_some() {
            return Ok(Err(JoinTokenProblem::Revoked));
        }
        let expired = row.try_get::<Option<i64>, _>("expires_ms")?.is_some_and(|expires| expires <= now_ms);
        Ok(Err(if expired { JoinTokenProblem::Expired } else { JoinTokenProblem::UsedUp }))
    }
}

/// Reads a role column that must not be null.
pub(crate) fn role(row: &SqliteRow, column: &str) -> Result<Role, sqlx::Error> {
    let name: String = row.try_get(column)?;
    Role::by_name(&name).ok_or_else(|| unexpected(column, &name))
}

fn token_record(row: &SqliteRow) -> Result<TokenRecord, sqlx::Error> {
    let kind: String = row.try_get("kind")?;
    let has_role = row.try_get::<Option<String>, _>("role")?.is_some();
    Ok(TokenRecord {
        id: row.try_get("id")?,
        kind: TokenKind::by_name(&kind).ok_or_else(|| unexpected("kind", &kind))?,
        role: if has_role { Some(role(row, "role")?) } else { None },
        note: row.try_get("note")?,
        created_ms: row.try_get("created_ms")?,
        expires_ms: row.try_get("expires_ms")?,
        uses_left: row.try_get("uses_left")?,
        revoked_ms: row.try_get("revoked_ms")?,
    })
}

fn unexpected(column: &str, value: &str) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: format!("unexpected value {value:?}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_for_tests as catalog;

    fn join(hash: u8, expires_ms: Option<i64>, uses_left: Option<i64>) -> NewToken {
        NewToken {
            id: format!("t{hash}"),
            kind: TokenKind::Join,
            role: None,
            hash: [hash; 32],
            note: "rack 7".to_owned(),
            created_ms: i64::from(hash),
            expires_ms,
            uses_left,
            host_id: None,
        }
    }

    fn api(hash: u8, role: Role) -> NewToken {
        NewToken { kind: TokenKind::Api, role: Some(role), ..join(hash, None, None) }
    }

    #[tokio::test]
    async fn a_join_token_lets_in_as_many_as_it_says_and_then_says_why_not() {
        let (_dir, catalog) = catalog().await;
        catalog.create_token(&join(1, Some(1_000), Some(2))).await.unwrap();
        for _ in 0..2 {
            let used = catalog.use_join_token(&[1; 32], 999).await.unwrap();
            assert_eq!(used, Ok(JoinToken { id: "t1".to_owned(), host_id: None }));
        }
        assert_eq!(catalog.use_join_token(&[1; 32], 999).await.unwrap(), Err(JoinTokenProblem::UsedUp));
        assert_eq!(catalog.use_join_token(&[1; 32], 1_000).await.unwrap(), Err(JoinTokenProblem::Expired));
        assert_eq!(catalog.use_join_token(&[2; 32], 0).await.unwrap(), Err(JoinTokenProblem::Unknown));
        catalog.create_token(&join(3, None, None)).await.unwrap();
        assert!(catalog.use_join_token(&[3; 32], i64::MAX).await.unwrap().is_ok());
        catalog
            .create_token(&NewToken { host_id: Some("h1".to_owned()), ..join(4, None, None) })
            .await
            .unwrap();
        let used = catalog.use_join_token(&[4; 32], 0).await.unwrap().unwrap();
        assert_eq!(used.host_id.as_deref(), Some("h1"));
        assert!(catalog.revoke_token("t3", 5).await.unwrap());
        assert!(!catalog.revoke_token("t3", 6).await.unwrap(), "revoked before");
        assert_eq!(catalog.use_join_token(&[3; 32], 6).await.unwrap(), Err(JoinTokenProblem::Revoked));
    }

    #[tokio::test]
    async fn a_token_is_good_for_its_own_kind_only() {
        let (_dir, catalog) = catalog().await;
        catalog.create_token(&join(1, None, None)).await.unwrap();
        catalog.create_token(&api(2, Role::Operator)).await.unwrap();
        assert_eq!(catalog.api_token(&[1; 32], 0).await.unwrap(), None);
        assert_eq!(catalog.use_join_token(&[2; 32], 0).await.unwrap(), Err(JoinTokenProblem::Unknown));
        let token = catalog.api_token(&[2; 32], 0).await.unwrap();
        assert_eq!(token, Some(ApiToken { id: "t2".to_owned(), role: Role::Operator, expires_ms: None }));
    }

    #[tokio::test]
    async fn an_api_token_ends_when_it_expires_or_is_revoked_and_stays_listed() {
        let (_dir, catalog) = catalog().await;
        catalog.create_token(&NewToken { expires_ms: Some(10), ..api(1, Role::Viewer) }).await.unwrap();
        catalog.create_token(&api(2, Role::Admin)).await.unwrap();
        assert!(catalog.api_token(&[1; 32], 9).await.unwrap().is_some());
        assert!(catalog.api_token(&[1; 32], 10).await.unwrap().is_none());
        catalog.revoke_token("t2", 7).await.unwrap();
        assert!(catalog.api_token(&[2; 32], 8).await.unwrap().is_none());
        let listed = catalog.tokens().await.unwrap();
        let ids: Vec<_> = listed.iter().map(|token| (token.id.as_str(), token.revoked_ms)).collect();
        assert_eq!(ids, [("t2", Some(7)), ("t1", None)]);
    }
}
