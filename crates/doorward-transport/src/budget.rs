//! The budget for reading external input: documents, listings, results, key sets.
//!
//! A text of a few kilobytes can expand to gigabytes when it is parsed: empty lists in lists,
//! aliases of YAML, references that are written out. A [`Budget`] limits bytes, values and depth,
//! and is charged *during* reading: reading ends where the budget ends, not after the memory was
//! allocated. Work that may take long runs off the asynchronous threads, through [`off_thread`].

mod mended;
mod shortened;

use std::sync::Arc;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Number, Value, error::Category};
use tokio::sync::Semaphore;

/// The part of a budget that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// More bytes than allowed.
    #[error("it has more bytes than the limit")]
    Bytes,
    /// More values than allowed.
    #[error("it has more values than the limit")]
    Values,
    /// Values are nested deeper than allowed.
    #[error("its values are nested deeper than the limit")]
    Depth,
}

/// Reason for which a text was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The budget ended first.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// It is not JSON, or not of the expected form.
    #[error("{}", malformed(.0))]
    Malformed(#[from] serde_json::Error),
}

/// A fault of a foreign text. The words of the library that reads it are for programmers.
fn malformed(fault: &serde_json::Error) -> String {
    match fault.classify() {
        Category::Eof => "its JSON ends too early".to_owned(),
        Category::Data => "its JSON has another form than expected".to_owned(),
        Category::Syntax | Category::Io => {
            format!("it is no JSON from line {}, column {} on", fault.line(), fault.column())
        }
    }
}

/// The remaining budget of one source. All readers of the source share its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    bytes: usize,
    values: usize,
    depth: usize,
}

impl Budget {
    /// A budget of this many bytes of text, this many values (numbers, texts, lists, objects),
    /// nested at most `depth` deep.
    pub const fn new(bytes: usize, values: usize, depth: usize) -> Self {
        Self { bytes, values, depth }
    }

    /// The budget of an answer that is a record: metadata, a token, a key set. `bytes` is the most
    /// that the client reads.
    pub const fn of_record(bytes: usize) -> Self {
        Self::new(bytes, 20_000, 32)
    }

    /// Takes bytes and values from the budget.
    pub fn charge(&mut self, bytes: usize, values: usize) -> Result<(), Exceeded> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(Exceeded::Bytes)?;
        self.values = self.values.checked_sub(values).ok_or(Exceeded::Values)?;
        Ok(())
    }

    /// Fails if a value is nested deeper than the budget allows.
    pub fn reach(&self, depth: usize) -> Result<(), Exceeded> {
        if depth > self.depth { Err(Exceeded::Depth) } else { Ok(()) }
    }

    /// Reads JSON. Its values are counted before the first of them is allocated.
    pub fn json<T: DeserializeOwned>(&mut self, text: &[u8]) -> Result<T, ReadError> {
        self.count_json(text)?;
        Ok(serde_json::from_slice(text)?)
    }

    /// Reads JSON as other servers write it: elements that JSON does not allow, such as half of a
    /// surrogate pair, a byte that is not UTF-8 or `NaN`, are dropped or replaced. For texts whose
    /// every byte is verified, [`Self::json`] is the reader.
    pub fn lenient_json(&mut self, text: &[u8]) -> Result<Lenient, ReadError> {
        self.count_json(text)?;
        let malformed = match serde_json::from_slice(text) {
            Ok(value) => return Ok(Lenient { value, mended: false }),
            Err(malformed) => malformed,
        };
        match serde_json::from_str(&mended::mended(text)) {
            Ok(value) => Ok(Lenient { value, mended: true }),
            Err(_) => Err(malformed.into()),
        }
    }

    /// Reads JSON like [`Self::lenient_json`]; a value that is nested deeper than allowed costs
    /// itself, and is read as `null`.
    pub fn shallow_json(&mut self, text: &[u8]) -> Result<Shallow, ReadError> {
        let before = *self;
        match self.lenient_json(text) {
            Err(ReadError::Exceeded(Exceeded::Depth)) => {}
            read => {
                let Lenient { value, mended } = read?;
                return Ok(Shallow { value, mended, too_deep: false });
            }
        }
        *self = before;
        let Lenient { value, mended } =
            self.lenient_json(&shortened::shortened(text, before.depth))?;
        Ok(Shallow { value, mended, too_deep: true })
    }

    /// Counts the values of a JSON text without reading them: for texts that a library parses.
    pub fn count_json(&mut self, text: &[u8]) -> Result<(), Exceeded> {
        self.charge(text.len(), 1)?;
        let mut count = Count::default();
        count.take(text, self)
    }

    /// Reads any self-describing format into a value, charging each value before it is kept. For
    /// formats in which a short text expands to a long one, such as YAML with its aliases.
    pub fn value<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<Value, D::Error> {
        Reading { budget: self, depth: 0 }.deserialize(deserializer)
    }
}

/// JSON that was read by [`Budget::lenient_json`].
#[derive(Clone, Debug, PartialEq)]
pub struct Lenient {
    /// The value.
    pub value: Value,
    /// It contained elements that JSON does not allow, and was read without them.
    pub mended: bool,
}

/// JSON that was read by [`Budget::shallow_json`].
#[derive(Clone, Debug, PartialEq)]
pub struct Shallow {
    /// The value.
    pub value: Value,
    /// It contains elements that JSON does not allow, and was read without them.
    pub mended: bool,
    /// A part of it is nested deeper than allowed: `null` is in its place.
    pub too_deep: bool,
}

/// The state of counting within a JSON text.
#[derive(Debug, Default)]
struct Count {
    in_string: bool,
    escaped: bool,
    depth: usize,
}

impl Count {
    fn take(&mut self, text: &[u8], budget: &mut Budget) -> Result<(), Exceeded> {
        for byte in text {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    budget.reach(self.depth)?;
                    budget.charge(0, 1)?;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b',' | b':' => budget.charge(0, 1)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Reads one value and its contents.
struct Reading<'b> {
    budget: &'b mut Budget,
    depth: usize,
}

impl Reading<'_> {
    fn charge<E: serde::de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        self.budget.charge(bytes, 1).map_err(E::custom)
    }
    fn inner(&mut self) -> Reading<'_> {
        Reading { budget: self.budget, depth: self.depth + 1 }
    }
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.budget.reach(self.depth).map_err(D::Error::custom)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Value;
    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a value")
    }
    fn visit_bool<E: serde::de::Error>(mut self, value: bool) -> Result<Value, E> {
        self.charge(1)?;
        Ok(Value::Bool(value))
    }
    fn visit_i64<E: serde::de::Error>(mut self, value: i64) -> Result<Value, E> {
        self.charge(8)?;
        Ok(Value::Number(value.into()))
    }
    fn visit_u64<E: serde::de::Error>(mut self, value: u64) -> Result<Value, E> {
        self.charge(8)?;
        Ok(Value::Number(value.into()))
    }
    fn visit_f64<E: serde::de::Error>(mut self, value: f64) -> Result<Value, E> {
        self.charge(8)?;
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }
    fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<Value, E> {
        self.charge(text.len())?;
        Ok(Value::String(text.to_owned()))
    }
    fn visit_string<E: serde::de::Error>(mut self, text: String) -> Result<Value, E> {
        self.charge(text.len())?;
        Ok(Value::String(text))
    }
    fn visit_none<E: serde::de::Error>(mut self) -> Result<Value, E> {
        self.charge(0)?;
        Ok(Value::Null)
    }
    fn visit_unit<E: serde::de::Error>(mut self) -> Result<Value, E> {
        self.charge(0)?;
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        self.charge(0)?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner())? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        self.charge(0)?;
        let mut object = Map::new();
        // In YAML, the name of a member may be null.
        while let Some(name) = members.next_key::<Option<String>>()? {
            let name = name.unwrap_or_else(|| "null".to_owned());
            self.charge(name.len())?;
            let value = members.next_value_seed(self.inner())?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// Number of pieces of such work that run at once, in the whole process.
const AT_ONCE: usize = 2;

static TURNS: std::sync::LazyLock<Arc<Semaphore>> =
    std::sync::LazyLock::new(|| Arc::new(Semaphore::new(AT_ONCE)));

/// The work ended without a result: it panicked, or the server is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it could not be read; try again")]
pub struct Ended;

/// Runs work that only calculates on a thread of its own, at most two pieces at once. The turn
/// moves into the work, so that work without its caller still counts until it is done. The work
/// must be limited by a [`Budget`].
pub async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Ended> {
    let turn = Arc::clone(&TURNS).acquire_owned().await.map_err(|_| Ended)?;
    let owned = move || {
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(owned).await.map_err(|error| {
        tracing::error!(%error, "reading ended without a result");
        Ended
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(bytes: usize, values: usize, depth: usize, text: &str) -> Result<Value, String> {
        Budget::new(bytes, values, depth)
            .json::<Value>(text.as_bytes())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn bytes_values_and_depth_are_charged_before_anything_is_built() {
        let text = r#"{"a":[1,2,{"b":"x,y:[{\"]"}]}"#;
        assert!(left(text.len(), 20, 3, text).is_ok());
        assert_eq!(left(text.len() - 1, 20, 3, text).unwrap_err(), Exceeded::Bytes.to_string());
        assert_eq!(left(text.len(), 20, 2, text).unwrap_err(), Exceeded::Depth.to_string());
        assert_eq!(left(text.len(), 5, 3, text).unwrap_err(), Exceeded::Values.to_string());
        // The contents of a string are not structure.
        assert!(left(100, 1, 0, r#""[[[[{{{{,,,,::::\"[[""#).is_ok());
        let wide = format!("[{}1]", "[],".repeat(100_000));
        assert_eq!(left(1 << 20, 50_000, 8, &wide).unwrap_err(), Exceeded::Values.to_string());
    }

    #[test]
    fn a_value_that_is_nested_too_deep_costs_itself() {
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        let text = format!(r#"{{"a":{deep},"b":[2]}}"#);
        let mut budget = Budget::new(5000, 5000, 3);
        let read = budget.shallow_json(text.as_bytes()).unwrap();
        assert_eq!(read.value, serde_json::json!({"a": [[null]], "b": [2]}));
        assert!(read.too_deep && !read.mended);
        assert!(!Budget::new(50, 50, 3).shallow_json(b"[[1]]").unwrap().too_deep);
        let wide = format!("[{deep},{}1]", "1,".repeat(100));
        let mut few = Budget::new(5000, 20, 3);
        assert!(matches!(
            few.shallow_json(wide.as_bytes()),
            Err(ReadError::Exceeded(Exceeded::Values))
        ));
    }

    #[test]
    fn values_of_other_formats_are_charged_as_they_come() {
        let text = r#"{"a":["xxxx","yyyy"]}"#;
        let read = |bytes, values, depth| {
            Budget::new(bytes, values, depth).value(&mut serde_json::Deserializer::from_str(text))
        };
        assert_eq!(read(9, 5, 2).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        assert!(read(8, 5, 2).unwrap_err().to_string().contains("bytes"));
        assert!(read(9, 4, 2).unwrap_err().to_string().contains("values"));
        assert!(read(9, 5, 1).unwrap_err().to_string().contains("nested"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_turn_belongs_to_the_work_and_not_to_its_caller() {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let wait = Arc::new(std::sync::Mutex::new(wait));
        for _ in 0..AT_ONCE {
            let wait = Arc::clone(&wait);
            // The caller gives up at once; its work runs on.
            let slow = off_thread(move || wait.lock().unwrap().recv());
            assert!(
                tokio::time::timeout(std::time::Duration::from_millis(30), slow).await.is_err()
            );
        }
        assert!(
            tokio::time::timeout(std::time::Duration::from_millis(50), off_thread(|| 1))
                .await
                .is_err(),
            "both turns are taken"
        );
        (0..AT_ONCE).for_each(|_| go.send(()).unwrap());
        assert_eq!(off_thread(|| 2).await, Ok(2));
        assert_eq!(off_thread(|| panic!("once")).await, Err::<(), _>(Ended));
        assert_eq!(off_thread(|| 3).await, Ok(3), "a panic gives its turn back");
    }
}
