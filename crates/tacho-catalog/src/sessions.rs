//! Sign-ins of people in the browser. As with tokens, only a hash of the cookie's secret is kept.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::tokens::role;
use crate::{Catalog, CatalogError, Role, hex};

/// A sign-in that is valid now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    pub user: String,
    /// The user's role as it is now, not as it was at the sign-in.
    pub role: Role,
    pub created_ms: i64,
    pub expires_ms: i64,
}

impl Catalog {
    /// Stores a session, and forgets all that have expired by `created_ms`.
    pub async fn add_session(
        &self,
        hash: &[u8; 32],
        user: &str,
        created_ms: i64,
        expires_ms: i64,
    ) -> Result<(), CatalogError> {
        sqlx::query("DELETE FROM sessions WHERE expires_ms <= ?")
            .bind(created_ms)
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query("forget expired sessions"))?;
        sqlx::query("INSERT INTO sessions (hash, user_name, created_ms, expires_ms) VALUES (?, ?, ?, ?)")
            .bind(hex(hash))
            .bind(user)
            .bind(created_ms)
            .bind(expires_ms)
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query("store a session"))?;
        Ok(())
    }

    /// The session with this hash, when it is valid at `now_ms`.
    pub async fn session(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<SessionRecord>, CatalogError> {
        sqlx::query(
            "SELECT s.user_name, u.role, s.created_ms, s.expires_ms FROM sessions s \
             JOIN users u ON u.name = s.user_name WHERE s.hash = ? AND s.expires_ms > ?",
        )
        .bind(hex(hash))
        .bind(now_ms)
        .fetch_optional(&self.pool)
        .await
        .and_then(|row| row.as_ref().map(session_record).transpose())
        .map_err(CatalogError::query("look up a session"))
    }

    /// Moves the end of a session; one that is gone stays gone.
    pub async fn extend_session(&self, hash: &[u8; 32], expires_ms: i64) -> Result<(), CatalogError> {
        sqlx::query("UPDATE sessions SET expires_ms = ? WHERE hash = ?")
            .bind(expires_ms)
            .bind(hex(hash))
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query("extend a session"))?;
        Ok(())
    }

    /// Signs out.
    pub async fn remove_session(&self, hash: &[u8; 32]) -> Result<(), CatalogError> {
        sqlx::query("DELETE FROM sessions WHERE hash = ?")
            .bind(hex(hash))
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query("remove a session"))?;
        Ok(())
    }
}

fn session_record(row: &SqliteRow) -> Result<SessionRecord, sqlx::Error> {
    Ok(SessionRecord {
        user: row.try_get("user_name")?,
        role: role(row, "role")?,
        created_ms: row.try_get("created_ms")?,
        expires_ms: row.try_get("expires_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use crate::open_for_tests as catalog;
    use crate::{Role, UserRecord};

    #[tokio::test]
    async fn a_session_lasts_until_it_expires_and_follows_its_user() {
        let (_dir, catalog) = catalog().await;
        let user = UserRecord {
            name: "ann".to_owned(),
            role: Role::Admin,
            password_hash: String::new(),
            created_ms: 0,
        };
        catalog.add_user(&user).await.unwrap();
        catalog.add_user(&UserRecord { name: "bob".to_owned(), ..user }).await.unwrap();
        catalog.add_session(&[1; 32], "ann", 0, 100).await.unwrap();
        assert_eq!(catalog.session(&[1; 32], 99).await.unwrap().unwrap().user, "ann");
        assert!(catalog.session(&[1; 32], 100).await.unwrap().is_none());
        catalog.extend_session(&[1; 32], 200).await.unwrap();
        catalog.set_role("ann", Role::Viewer).await.unwrap();
        assert_eq!(catalog.session(&[1; 32], 100).await.unwrap().unwrap().role, Role::Viewer);
        catalog.remove_user("ann").await.unwrap();
        assert!(catalog.session(&[1; 32], 100).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn expired_sessions_are_forgotten() {
        let (_dir, catalog) = catalog().await;
        let user = UserRecord {
            name: "ann".to_owned(),
            role: Role::Admin,
            password_hash: String::new(),
            created_ms: 0,
        };
        catalog.add_user(&user).await.unwrap();
        catalog.add_session(&[1; 32], "ann", 0, 100).await.unwrap();
        catalog.add_session(&[2; 32], "ann", 100, 200).await.unwrap();
        assert!(catalog.session(&[1; 32], 0).await.unwrap().is_none());
        catalog.remove_session(&[2; 32]).await.unwrap();
        assert!(catalog.session(&[2; 32], 100).await.unwrap().is_none());
    }
}
