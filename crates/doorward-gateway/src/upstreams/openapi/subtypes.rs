//! The subtypes of a schema with a discriminator: in OpenAPI 3 and Swagger 2.0, a schema need not
//! list them, and they refer to it instead.

use serde_json::{Map, Value};

use super::{reader::Reader, weight::Stop};

/// Maximum number of subtypes of one schema that are written out.
const MOST: usize = 30;

/// The schemas of components, or the definitions of Swagger 2.0.
fn components(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    ["/components/schemas", "/definitions"]
        .into_iter()
        .filter_map(|place| document.pointer(place)?.as_object())
        .flatten()
}

/// The subtypes of a schema, each with the reference or name under which it was found. `reference`
/// is the reference to the schema itself. `None` if it has none, or lists them itself.
pub(super) fn of<'a>(
    reader: &Reader<'a>,
    members: &'a Map<String, Value>,
    reference: Option<&'a str>,
) -> Result<Option<Vec<(&'a str, &'a Value)>>, Stop> {
    let listed = ["oneOf", "anyOf"].iter().any(|name| members.contains_key(*name));
    let Some(discriminator) = members.get("discriminator").filter(|_| !listed) else {
        return Ok(None);
    };
    let document = reader.document;
    let mut found: Vec<(&'a str, &'a Value)> = Vec::new();
    let mapping = discriminator.get("mapping").and_then(Value::as_object);
    for target in mapping.into_iter().flatten().filter_map(|(_, target)| target.as_str()) {
        reader.charge(target.len(), 1)?;
        let named = components(document).find(|(name, _)| *name == target);
        let schema = named.map(|(_, schema)| schema).or_else(|| reader.find(target));
        if let Some(schema) = schema
            && reference != Some(target)
            && !found.iter().any(|(_, known)| std::ptr::eq(*known, schema))
        {
            found.push((target, schema));
        }
    }
    if let (true, Some(reference)) = (found.is_empty(), reference) {
        let own = reader.find(reference);
        for (name, schema) in components(document) {
            let parts = schema.get("allOf").and_then(Value::as_array);
            // One that adds nothing is the schema itself under another name.
            let adds = schema.get("properties").is_some() || parts.is_some_and(|all| all.len() > 1);
            for part in parts.into_iter().flatten().filter(|_| adds) {
                reader.charge(0, 1)?;
                let Some(to) = part.get("$ref").and_then(Value::as_str) else { continue };
                let is_own = to == reference
                    || own.zip(reader.find(to)).is_some_and(|(own, to)| std::ptr::eq(own, to));
                if is_own {
                    found.push((name, schema));
                    break;
                }
            }
        }
    }
    found.truncate(MOST + 1);
    Ok((!found.is_empty()).then_some(found))
}
