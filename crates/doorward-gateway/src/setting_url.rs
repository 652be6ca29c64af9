//! URLs in settings.

use url::Url;

use crate::config::SettingError;

/// The URL of a setting; `None` where the setting is empty.
pub(crate) fn setting_url(key: &'static str, text: &str) -> Result<Option<Url>, SettingError> {
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(text).map_err(|_| {
        SettingError::new(key, format!("{text:?} is not a URL like https://mcp.example.com/mcp"))
    })?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(SettingError::new(key, "must be an https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(SettingError::new(
            key,
            "must not contain a user or password; use auth = \"basic\"",
        ));
    }
    Ok(Some(url))
}
