//! People who sign in. Passwords are hashed by the caller; the catalog never sees one.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::tokens::role;
use crate::{Catalog, CatalogError, Role, hex};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    pub name: String,
    pub role: Role,
    /// PHC string.
    pub password_hash: String,
    pub created_ms: i64,
}

/// What became of a change to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserChange {
    Done,
    /// There is no such user.
    Unknown,
    /// Refused: nobody would be left who can manage users.
    LastAdmin,
}

impl Catalog {
    /// Stores a new user; `false` when the name is taken.
    pub async fn add_user(&self, user: &UserRecord) -> Result<bool, CatalogError> {
        let done = sqlx::query(
            "INSERT INTO users (name, role, password_hash, created_ms) VALUES (?, ?, ?, ?) \
             ON CONFLICT DO NOTHING",
        )
        .bind(&user.name)
        .bind(user.role.name())
        .bind(&user.password_hash)
        .bind(user.created_ms)
        .execute(&self.pool)
        .await
        .map_err(CatalogError::query("store a user"))?;
        Ok(done.rows_affected() > 0)
    }

    pub async fn user(&self, name: &str) -> Result<Option<UserRecord>, CatalogError> {
        sqlx::query("SELECT name, role, password_hash, created_ms FROM users WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .and_then(|row| row.as_ref().map(user_record).transpose())
            .map_err(CatalogError::query("look up a user"))
    }

    /// All users by name.
    pub async fn users(&self) -> Result<Vec<UserRecord>, CatalogError> {
        sqlx::query("SELECT name, role, password_hash, created_ms FROM users ORDER BY name")
            .fetch_all(&self.pool)
            .await
            .and_then(|rows| rows.iter().map(user_record).collect())
            .map_err(CatalogError::query("list users"))
    }

    /// Gives a user another password and ends all sessions of theirs but `keep`; `false` when there is no
    /// such user.
    pub async fn set_password(
        &self,
        name: &str,
        password_hash: &str,
        keep: Option<&[u8; 32]>,
    ) -> Result<bool, CatalogError> {
        self.replace_password(name, password_hash, keep)
            .await
            .map_err(CatalogError::query("change a password"))
    }

    async fn replace_password(
        &self,
        name: &str,
        password_hash: &str,
        keep: Option<&[u8; 32]>,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let done = sqlx::query("UPDATE users SET password_hash = ? WHERE name = ?")
            .bind(password_hash)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        // No hash is empty, so an absent `keep` keeps none.
        sqlx::query("DELETE FROM sessions WHERE user_name = ? AND hash <> ?")
            .bind(name)
            .bind(keep.map_or_else(String::new, |hash| hex(hash)))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Gives a user another role.
    pub async fn set_role(&self, name: &str, role: Role) -> Result<UserChange, CatalogError> {
        let done = sqlx::query(
            "UPDATE users SET role = ? WHERE name = ? AND (? = 'admin' OR role <> 'admin' \
             OR EXISTS (SELECT 1 FROM users AS others WHERE others.role = 'admin' AND others.name <> ?))",
        )
        .bind(role.name())
        .bind(name)
        .bind(role.name())
        .bind(name)
        .execute(&self.pool)
        .await
        .map_err(CatalogError::query("change a role"))?;
        self.user_change(name, done.rows_affected()).await
    }

    /// Removes a user and ends their sessions.
    pub async fn remove_user(&self, name: &str) -> Result<UserChange, CatalogError> {
        let done = sqlx::query(
            "DELETE FROM users WHERE name = ? AND (role <> 'admin' \
             OR EXISTS (SELECT 1 FROM users AS others WHERE others.role = 'admin' AND others.name <> ?))",
        )
        .bind(name)
        .bind(name)
        .execute(&self.pool)
        .await
        .map_err(CatalogError::query("remove a user"))?;
        self.user_change(name, done.rows_affected()).await
    }

    async fn user_change(&self, name: &str, rows: u64) -> Result<UserChange, CatalogError> {
        if rows > 0 {
            return Ok(UserChange::Done);
        }
        Ok(if self.user(name).await?.is_some() { UserChange::LastAdmin } else { UserChange::Unknown })
    }
}

fn user_record(row: &SqliteRow) -> Result<UserRecord, sqlx::Error> {
    Ok(UserRecord {
        name: row.try_get("name")?,
        role: role(row, "role")?,
        password_hash: row.try_get("password_hash")?,
        created_ms: row.try_get("created_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_for_tests as catalog;

    fn user(name: &str, role: Role) -> UserRecord {
        UserRecord { name: name.to_owned(), role, password_hash: "$argon2id$".to_owned(), created_ms: 1 }
    }

    #[tokio::test]
    async fn a_name_is_taken_once() {
        let (_dir, catalog) = catalog().await;
        assert!(catalog.add_user(&user("ann", Role::Admin)).await.unwrap());
        assert!(!catalog.add_user(&user("ann", Role::Viewer)).await.unwrap());
        assert_eq!(catalog.user("ann").await.unwrap(), Some(user("ann", Role::Admin)));
        assert_eq!(catalog.user("bob").await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_last_admin_stays() {
        let (_dir, catalog) = catalog().await;
        catalog.add_user(&user("ann", Role::Admin)).await.unwrap();
        catalog.add_user(&user("bob", Role::Viewer)).await.unwrap();
        assert_eq!(catalog.remove_user("ann").await.unwrap(), UserChange::LastAdmin);
        assert_eq!(catalog.set_role("ann", Role::Operator).await.unwrap(), UserChange::LastAdmin);
        assert_eq!(catalog.set_role("ann", Role::Admin).await.unwrap(), UserChange::Done);
        assert_eq!(catalog.set_role("bob", Role::Admin).await.unwrap(), UserChange::Done);
        assert_eq!(catalog.set_role("ann", Role::Viewer).await.unwrap(), UserChange::Done);
        assert_eq!(catalog.remove_user("ann").await.unwrap(), UserChange::Done);
        assert_eq!(catalog.remove_user("ann").await.unwrap(), UserChange::Unknown);
        assert_eq!(catalog.users().await.unwrap(), [user("bob", Role::Admin)]);
    }

    #[tokio::test]
    async fn a_new_password_ends_the_other_sessions() {
        let (_dir, catalog) = catalog().await;
        catalog.add_user(&user("ann", Role::Admin)).await.unwrap();
        for hash in [[1; 32], [2; 32]] {
            catalog.add_session(&hash, "ann", 0, 100).await.unwrap();
        }
        assert!(catalog.set_password("ann", "new", Some(&[2; 32])).await.unwrap());
        assert!(catalog.session(&[1; 32], 0).await.unwrap().is_none());
        assert!(catalog.session(&[2; 32], 0).await.unwrap().is_some());
        assert!(catalog.set_password("ann", "newer", None).await.unwrap());
        assert!(catalog.session(&[2; 32], 0).await.unwrap().is_none());
        assert!(!catalog.set_password("bob", "new", None).await.unwrap());
    }
}
