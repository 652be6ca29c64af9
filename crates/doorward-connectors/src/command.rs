//! Commands of the chat: `tools`, `call NAME key=value…`, `whoami`, `connect`, `help`.

use doorward_language::{Message, text};
use doorward_model::text_list::{self, Separator};
use serde_json::{Map, Value};

use crate::Tool;

/// Maximum number of characters of a command that are read.
const LONGEST: usize = 16_384;
/// Maximum number of arguments of a call.
const MOST_ARGUMENTS: usize = 64;

/// A command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Lists tools, those whose name or title has these words.
    Tools(String),
    /// Calls a tool.
    Call(String, Arguments),
    /// Tells as whom the author acts.
    WhoAmI,
    /// Leads to the services that are not connected.
    Connect,
    /// Explains the commands.
    Help,
    /// A question to the agent.
    Ask(String),
    /// Something else, which is explained too.
    Unknown,
}

/// A message as it was understood.
pub(crate) struct Understood {
    /// The command. The error explains what is wrong with its arguments.
    pub(crate) command: Result<Command, Message>,
    /// It may be a question all the same: "call me a cab", "help me with the invoice".
    pub(crate) may_be_question: bool,
}

/// Reads a message for a bot that answers questions too.
pub(crate) fn understand(text: &str) -> Understood {
    let command = read(text);
    let words = text.split_whitespace().count();
    let may_be_question = match &command {
        Ok(Command::Help | Command::WhoAmI | Command::Connect) => words > 1,
        Ok(Command::Tools(_)) => words > 2,
        Ok(Command::Call(..)) | Err(_) => true,
        Ok(Command::Ask(_) | Command::Unknown) => false,
    };
    Understood { command, may_be_question }
}

/// The tool that a call names.
pub(crate) fn called(text: &str) -> Option<&str> {
    let mut words = text.split_whitespace();
    words.next().filter(|word| word.eq_ignore_ascii_case("call"))?;
    words.next()
}

/// The arguments of a call as they were written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arguments {
    /// `key=value` pairs.
    Pairs(Vec<(String, String)>),
    /// An object of JSON.
    Whole(Map<String, Value>),
}

/// Reads a command. The error explains what is wrong with its arguments.
pub(crate) fn read(text: &str) -> Result<Command, Message> {
    let text: String = text.chars().take(LONGEST).collect();
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    Ok(match word.to_ascii_lowercase().as_str() {
        "" | "help" => Command::Help,
        "tools" => Command::Tools(rest.to_lowercase()),
        "whoami" => Command::WhoAmI,
        "connect" => Command::Connect,
        "ask" if !rest.is_empty() => Command::Ask(rest.to_owned()),
        "call" => {
            let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            if name.is_empty() {
                return Err(text::bot_call_name());
            }
            Command::Call(name.to_owned(), arguments_of(arguments.trim())?)
        }
        _ => Command::Unknown,
    })
}

fn arguments_of(text: &str) -> Result<Arguments, Message> {
    if text.starts_with('{') {
        return serde_json::from_str(text)
            .map(Arguments::Whole)
            .map_err(|_| text::bot_arguments_json());
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for word in words(text)? {
        let pair = word.split_once('=').filter(|(key, _)| !key.is_empty());
        let Some((key, value)) = pair else {
            return Err(text::bot_arguments_pairs());
        };
        if pairs.iter().any(|(known, _)| known == key) {
            return Err(text::bot_arguments_twice());
        }
        if pairs.len() == MOST_ARGUMENTS {
            return Err(text::bot_arguments_many(MOST_ARGUMENTS));
        }
        pairs.push((key.to_owned(), value.to_owned()));
    }
    Ok(Arguments::Pairs(pairs))
}

/// The words of a text. Quotation marks keep a text with spaces together, and `\` keeps the next
/// character.
fn words(text: &str) -> Result<Vec<String>, Message> {
    let mut words = Vec::new();
    let (mut word, mut begun, mut quote) = (String::new(), false, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', _) => {
                word.extend(letters.next());
                begun = true;
            }
            // Chats and keyboards replace straight quotation marks.
            ('"' | '“' | '”' | '„', None) => (quote, begun) = (Some('"'), true),
            ('"' | '“' | '”', Some(_)) => quote = None,
            (letter, None) if letter.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (letter, _) => {
                word.push(letter);
                begun = true;
            }
        }
    }
    if quote.is_some() {
        return Err(text::bot_arguments_quote());
    }
    if begun {
        words.push(word);
    }
    Ok(words)
}

impl Arguments {
    /// The arguments for a tool: texts, unless its schema names another type.
    pub(crate) fn for_tool(self, tool: Option<&Tool>) -> Result<Map<String, Value>, Message> {
        let pairs = match self {
            Self::Whole(map) => return Ok(map),
            Self::Pairs(pairs) => pairs,
        };
        let members = tool
            .and_then(|tool| tool.schema.get("properties"))
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let mut map = Map::new();
        for (key, value) in pairs {
            let value = typed(&value, members.get(&key)).map_err(|wanted| wanted.told(&key))?;
            map.insert(key, value);
        }
        Ok(map)
    }
}

/// The types that a schema names.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => {
            let either = schema.get("anyOf").or_else(|| schema.get("oneOf"));
            let either = either.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            either.iter().filter_map(|one| one.get("type")?.as_str()).collect()
        }
    }
}

/// The type of an argument, where its value has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    List,
    Whole,
    Number,
    Bool,
    Json,
}

impl Wanted {
    /// The fault of the argument of this name.
    fn told(self, name: &str) -> Message {
        let name = crate::text::inline(name);
        match self {
            Self::List => text::bot_argument_list(name),
            Self::Whole => text::bot_argument_whole(name),
            Self::Number => text::bot_argument_number(name),
            Self::Bool => text::bot_argument_bool(name),
            Self::Json => text::bot_argument_json(name),
        }
    }
}

/// A value as its schema wants it. The error names the type.
fn typed(text: &str, schema: Option<&Value>) -> Result<Value, Wanted> {
    let types = schema.map(types).unwrap_or_default();
    let whole = || serde_json::from_str::<Value>(text).ok();
    if types.is_empty() || types.contains(&"string") {
        return Ok(text.into());
    }
    let found = whole().filter(|value| match value {
        Value::Null => types.contains(&"null"),
        Value::Bool(_) => types.contains(&"boolean"),
        Value::Number(number) => {
            types.contains(&"number") || types.contains(&"integer") && !number.is_f64()
        }
        Value::Array(_) => types.contains(&"array"),
        Value::Object(_) => types.contains(&"object"),
        Value::String(_) => false,
    });
    match found {
        Some(value) => Ok(value),
        None if types.contains(&"array") => {
            let values = text_list::read(text, Separator::Comma);
            values.map(Value::from).map_err(|_| Wanted::List)
        }
        None if types.contains(&"integer") => Err(Wanted::Whole),
        None if types.contains(&"number") => Err(Wanted::Number),
        None if types.contains(&"boolean") => Err(Wanted::Bool),
        None => Err(Wanted::Json),
    }
}

#[cfg(test)]
mod tests {
    use doorward_model::ToolClass;
    use serde_json::json;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        match read(text) {
            Ok(Command::Call(name, Arguments::Pairs(pairs))) if name == "x" => pairs,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn commands_are_read_as_users_write_them() {
        assert_eq!(read("  "), Ok(Command::Help));
        assert_eq!(read("Tools  Wiki Page"), Ok(Command::Tools("wiki page".into())));
        assert_eq!(read("whoami"), Ok(Command::WhoAmI));
        assert_eq!(read("what is new?"), Ok(Command::Unknown));
        assert!(read("call").is_err() && read("call x a").is_err() && read("call x =1").is_err());
        assert!(read("call x a=\"b").is_err() && read("call x a=1 a=2").is_err());
        assert!(read("call x {").is_err());
        let own = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            pairs("call x a=1 b=\"two words\" c=“curly one” d=a\\ b e=k=v f="),
            [
                own("a", "1"),
                own("b", "two words"),
                own("c", "curly one"),
                own("d", "a b"),
                own("e", "k=v"),
                own("f", "")
            ]
        );
        let whole = json!({"a": [1]}).as_object().cloned().unwrap();
        assert_eq!(
            read("call x {\"a\": [1]}"),
            Ok(Command::Call("x".into(), Arguments::Whole(whole)))
        );
    }

    #[test]
    fn questions_that_begin_like_commands_are_told_from_commands() {
        let question = |text: &str| understand(text).may_be_question;
        for text in ["help me with it", "call me a cab", "tools of the trade?", "connect us now"] {
            assert!(question(text), "{text}");
        }
        for text in ["help", "tools", "tools wiki", "whoami", "ask what is new", "what is new?"] {
            assert!(!question(text), "{text}");
        }
        assert_eq!(read("ask  what is new?"), Ok(Command::Ask("what is new?".into())));
        assert_eq!(called("Call wiki_search q=1"), Some("wiki_search"));
        assert_eq!(called("recall wiki"), None);
    }

    #[test]
    fn values_get_the_types_of_the_tool_s_schema() {
        let schema = json!({"properties": {
            "n": {"type": "integer"}, "s": {"type": "string"}, "b": {"type": "boolean"},
            "l": {"type": "array"}, "o": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        }});
        let tool = Tool {
            name: "x".into(),
            title: String::new(),
            class: ToolClass::Read,
            description: String::new(),
            schema: schema.as_object().cloned().unwrap(),
        };
        let map =
            |text: &str| Arguments::Pairs(pairs(&format!("call x {text}"))).for_tool(Some(&tool));
        assert_eq!(
            Value::Object(map("n=3 s=3 b=true l=a,b o=null u=7").unwrap()),
            json!({"n": 3, "s": "3", "b": true, "l": ["a", "b"], "o": null, "u": "7"})
        );
        let list = |text: &str| map(&format!("l={text}")).map(|map| map["l"].clone());
        assert_eq!(list("a\\ ,,b").unwrap(), json!(["a", "b"]));
        assert_eq!(list(r#"[\"a,b\",\"c\"]"#).unwrap(), json!(["a,b", "c"]));
        assert_eq!(list("[1,2]").unwrap(), json!([1, 2]));
        let unclosed = list(r#"[\"a,b\""#).unwrap_err().to_string();
        assert!(unclosed.contains("a JSON array, or values between commas"), "{unclosed}");
        let told = |text: &str| map(text).unwrap_err().to_string();
        assert_eq!(told("n=3.5"), "The argument `n` must be a whole number.");
        assert_eq!(told("b=yes"), "The argument `b` must be true or false.");
    }
}
