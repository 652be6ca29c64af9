//! The operator's own name, picture, colours and help.

use std::path::Path;

use crate::{Config, assets::hashed};

/// The longest picture, in bytes.
const LONGEST: usize = 256 * 1024;

/// A picture: its name, its media type, its bytes, and the name under which pages name it.
type Picture = (&'static str, &'static str, Vec<u8>, String);

/// The operator's own files, read once at the start.
#[derive(Clone, Debug, Default)]
pub struct Brand {
    logo: Option<Picture>,
    css: Option<String>,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pages.{key}: {message}")]
pub struct BrandError {
    /// The key below `pages`.
    pub key: &'static str,
    /// The fault and its remedy.
    pub message: String,
}

fn colour(key: &'static str, text: &str) -> Result<(), BrandError> {
    let hex = text.strip_prefix('#').is_some_and(|hex| {
        matches!(hex.len(), 3 | 6) && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    if text.is_empty() || hex {
        Ok(())
    } else {
        Err(BrandError { key, message: "must be a colour such as #1c6b72".to_owned() })
    }
}

impl Brand {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or a value is invalid.
    pub fn read(config: &Config) -> Result<Self, BrandError> {
        colour("accent", &config.accent)?;
        colour("accent_dark", &config.accent_dark)?;
        if !config.support.is_empty()
            && !["https://", "http://", "mailto:"]
                .iter()
                .any(|scheme| config.support.starts_with(scheme))
        {
            return Err(BrandError {
                key: "support",
                message: "must be an https URL or mailto:".to_owned(),
            });
        }
        let rule = |colour: &str| {
            if colour.is_empty() { String::new() } else { format!(":root{{--accent:{colour}}}") }
        };
        let (light, dark) = (rule(&config.accent), rule(&config.accent_dark));
        let css = if dark.is_empty() {
            light
        } else {
            format!("{light}@media (prefers-color-scheme:dark){{{dark}}}")
        };
        Ok(Self {
            logo: Self::picture(&config.logo)?,
            css: Some(css).filter(|css| !css.is_empty()),
        })
    }

    fn picture(path: &str) -> Result<Option<Picture>, BrandError> {
        if path.is_empty() {
            return Ok(None);
        }
        let wrong = |message: String| BrandError { key: "logo", message };
        let extension = Path::new(path)
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default()
            .to_ascii_lowercase();
        let (name, media) = match extension.as_str() {
            "svg" => ("logo.svg", "image/svg+xml"),
            "png" => ("logo.png", "image/png"),
            _ => return Err(wrong(format!("{path} must be an .svg or .png file"))),
        };
        let bytes = std::fs::read(path)
            .map_err(|error| wrong(format!("{path} cannot be read: {error}")))?;
        if bytes.len() > LONGEST {
            return Err(wrong(format!(
                "{path} has {} bytes; at most {LONGEST} are accepted",
                bytes.len()
            )));
        }
        let hashed = hashed(name, &bytes);
        Ok(Some((name, media, bytes, hashed)))
    }

    /// The name under which pages name the picture.
    pub(crate) fn logo_name(&self) -> Option<&str> {
        self.logo.as_ref().map(|(.., hashed)| hashed.as_str())
    }

    /// The name under which pages name the style sheet.
    pub(crate) fn css_name(&self) -> Option<String> {
        self.css.as_ref().map(|css| hashed("brand.css", css.as_bytes()))
    }

    /// A file of the operator's: its media type and its bytes.
    pub(crate) fn file(&self, name: &str) -> Option<(&'static str, Vec<u8>)> {
        match (name, &self.logo, &self.css) {
            ("brand.css", _, Some(css)) => {
                Some(("text/css; charset=utf-8", css.clone().into_bytes()))
            }
            (name, Some((known, media, bytes, _)), _) if name == *known => {
                Some((media, bytes.clone()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_links_and_pictures_are_checked() {
        let wrong = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            Brand::read(&config).unwrap_err().key
        };
        assert_eq!(wrong(|config| config.accent = "red;}body{display:none".to_owned()), "accent");
        assert_eq!(wrong(|config| config.support = "javascript:alert(1)".to_owned()), "support");
        assert_eq!(wrong(|config| config.logo = "/nowhere/logo.svg".to_owned()), "logo");
        assert_eq!(wrong(|config| config.logo = "/etc/passwd".to_owned()), "logo");
        assert!(
            Brand::read(&Config { accent: "#abc".to_owned(), ..Config::default() })
                .unwrap()
                .css
                .unwrap()
                .contains("#abc")
        );
    }
}
