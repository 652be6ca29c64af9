//! The analysis of texts: words in lower case, reduced to their English stems.

use frostem::{Algorithm, Stemmer};
use tantivy::tokenizer::{
    LowerCaser, RemoveLongFilter, SimpleTokenizer, TextAnalyzer, Token, TokenFilter, TokenStream,
    Tokenizer,
};

/// The name of the analysis in the index.
pub(crate) const ENGLISH: &str = "english";
/// Maximum number of bytes of a word.
const MOST_WORD: usize = 64;

/// The analysis.
pub(crate) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MOST_WORD))
        .filter(LowerCaser)
        .filter(Stems)
        .build()
}

/// The words of a text as they are indexed.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut analyzer = analyzer();
    let mut stream = analyzer.token_stream(text);
    let mut words = Vec::new();
    while stream.advance() {
        words.push(stream.token().text.clone());
    }
    words
}

/// Words that identify no subject.
pub(crate) fn is_stop_word(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "a", "about", "an", "and", "are", "as", "at", "be", "by", "can", "could", "do", "does",
        "for", "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its",
        "me", "my", "of", "on", "or", "our", "should", "so", "that", "the", "their", "there",
        "these", "they", "this", "to", "was", "we", "were", "what", "when", "where", "which",
        "who", "whose", "why", "will", "with", "would", "you", "your",
    ];
    WORDS.binary_search(&word).is_ok()
}

#[derive(Clone)]
struct Stems;

impl TokenFilter for Stems {
    type Tokenizer<T: Tokenizer> = Stemmed<T>;
    fn transform<T: Tokenizer>(self, tokenizer: T) -> Stemmed<T> {
        Stemmed { tokenizer }
    }
}

#[derive(Clone)]
struct Stemmed<T> {
    tokenizer: T,
}

impl<T: Tokenizer> Tokenizer for Stemmed<T> {
    type TokenStream<'a> = Stream<T::TokenStream<'a>>;
    fn token_stream<'a>(&'a mut self, text: &'a str) -> Self::TokenStream<'a> {
        Stream {
            tail: self.tokenizer.token_stream(text),
            stemmer: Stemmer::new(Algorithm::English),
        }
    }
}

struct Stream<T> {
    tail: T,
    stemmer: Stemmer,
}

impl<T: TokenStream> TokenStream for Stream<T> {
    fn advance(&mut self) -> bool {
        if !self.tail.advance() {
            return false;
        }
        let stem = match self.stemmer.stem(&self.tail.token().text) {
            std::borrow::Cow::Owned(stem) => stem,
            std::borrow::Cow::Borrowed(stem) if stem.len() < self.tail.token().text.len() => {
                stem.to_owned()
            }
            std::borrow::Cow::Borrowed(_) => return true,
        };
        self.tail.token_mut().text = stem;
        true
    }
    fn token(&self) -> &Token {
        self.tail.token()
    }
    fn token_mut(&mut self) -> &mut Token {
        self.tail.token_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_reduced_to_their_stems() {
        assert_eq!(
            words("Restarting the SERVERS, restarted"),
            ["restart", "the", "server", "restart"]
        );
        assert_eq!(words("Größe naïve 日本"), ["größe", "naïv", "日本"]);
        assert!(is_stop_word("the") && is_stop_word("a") && is_stop_word("your"));
        assert!(!is_stop_word("server"));
    }
}
