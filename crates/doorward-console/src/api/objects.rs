//! The operations on a kind of objects, made from its description: list, add, show, change, remove.

use std::{borrow::Cow, collections::BTreeMap, marker::PhantomData, sync::Arc};

use axum::{extract::State, http::StatusCode};
use doorward_accounts::Authority;
use doorward_admin::{ObjectApi, Objects, Proposal};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    edits::{self, Edited, Trial},
    operation::{
        Answered, ApiCaller, IfMatch, JsonBody, Operation, PathValue, QueryParams, done, needs,
        show, show_state,
    },
};
use crate::Console;

/// All objects, in a member with their name.
struct List<T>(PhantomData<T>);

impl<T: Objects> JsonSchema for List<T> {
    fn schema_name() -> Cow<'static, str> {
        T::API.plural.1.into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let member = T::API.plural.0;
        let items = generator.subschema_for::<T::View>();
        json_schema!({
            "type": "object",
            "properties": { (member): { "type": "array", "items": items } },
            "required": [member],
        })
    }
}

/// The operations on a kind of objects.
pub(super) fn operations<T: Objects>() -> Vec<Operation> {
    let ObjectApi { all, one, list, add, show, change, remove, missing, taken, needed, .. } =
        T::API;
    let needed = |operation: Operation| match needed {
        Some(why) => operation.problem(409, why),
        None => operation,
    };
    vec![
        Operation::get(needs::READ, all, list.id, list.summary, self::list::<T>)
            .answer::<List<T>>(200, "The objects."),
        Operation::post(needs::ALL, all, add.id, add.summary, self::add::<T>)
            .body::<T::New>()
            .answer::<T::AddedView>(201, "The object, which was added.")
            .with_etag()
            .problem(409, taken),
        Operation::get(needs::READ, one, show.id, show.summary, self::one::<T>)
            .answer::<T::Details>(200, "The object.")
            .with_etag()
            .missing(missing),
        needed(
            Operation::patch(needs::ALL, one, change.id, change.summary, self::change::<T>)
                .query::<Trial>()
                .body::<T::Change>()
                .answer::<Edited>(200, "The differences.")
                .with_etag()
                .if_match()
                .missing(missing),
        ),
        needed(
            Operation::delete(needs::ALL, one, remove.id, remove.summary, self::remove::<T>)
                .empty("The object was removed.")
                .if_match()
                .missing(missing),
        ),
    ]
}

async fn list<T: Objects>(State(console): State<Arc<Console>>) -> Answered {
    let objects = T::of(&console.admin);
    let all = objects.list().await?;
    let views: Vec<T::View> = all.iter().map(|object| objects.view(object)).collect();
    Ok(show(StatusCode::OK, &BTreeMap::from([(T::API.plural.0, views)])))
}

async fn add<T: Objects>(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    JsonBody(new): JsonBody<T::New>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let objects = T::of(&console.admin);
    let added = objects.insert(&authority, new).await?;
    let etag = T::etag(&added.object);
    Ok(show_state(StatusCode::CREATED, &objects.added_view(&added), &etag))
}

async fn one<T: Objects>(
    State(console): State<Arc<Console>>,
    PathValue(name): PathValue,
) -> Answered {
    let objects = T::of(&console.admin);
    let object = objects.find(&name).await?;
    let details = objects.details(&object).await?;
    Ok(show_state(StatusCode::OK, &details, &T::etag(&object)))
}

async fn change<T: Objects>(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    (PathValue(name), IfMatch(seen), QueryParams(trial)): (PathValue, IfMatch, QueryParams<Trial>),
    JsonBody(change): JsonBody<T::Change>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let effect = trial.effect();
    let proposal = Proposal { of: &name, change: &change, seen: Some(&seen), effect };
    let edit = T::of(&console.admin).change(&authority, proposal).await?;
    Ok(edits::answer(edit, effect))
}

async fn remove<T: Objects>(
    State(console): State<Arc<Console>>,
    PathValue(name): PathValue,
    IfMatch(seen): IfMatch,
) -> Answered {
    T::of(&console.admin).end(&name, Some(&seen)).await?;
    Ok(done())
}
