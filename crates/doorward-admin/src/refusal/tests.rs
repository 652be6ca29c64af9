use super::*;

#[test]
fn each_code_has_a_text_of_its_own() {
    for (at, code) in Code::ALL.iter().enumerate() {
        let same = Code::ALL.iter().position(|other| other.as_str() == code.as_str());
        assert_eq!(same, Some(at), "{code}");
        assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    }
}

#[test]
fn a_store_that_does_not_respond_is_no_fault_of_the_input_in_any_crate() {
    for refusal in [
        Refusal::from(StoreError::Closed),
        UserError::Store(StoreError::Closed).into(),
        ProviderChangeError::Store(StoreError::Closed).into(),
        FederationError::Store(StoreError::Closed).into(),
        ClientChangeError::Store(StoreError::Closed).into(),
        AccessTokenError::Store(StoreError::Closed).into(),
        UpstreamChangeError::Store(StoreError::Closed).into(),
        ToolChangeError::Store(StoreError::Closed).into(),
    ] {
        assert_eq!(refusal.kind(), Kind::Unavailable, "{refusal}");
    }
}
