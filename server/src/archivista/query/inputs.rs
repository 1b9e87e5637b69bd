//! The filters of the schema. Each has `not`, `and`, `or`; each text four conditions; each edge a list of filters, which
//! may be one filter without brackets.

use async_graphql::InputObject;

use super::compile::{Conditions, Texts, Where};
use super::error::QueryError;
use super::filter::{
    Expr, OfAttestation, OfCollection, OfDigest, OfDsse, OfSignature, OfStatement, OfSubject,
};

/// A filter: its name in the schema, what its texts and edges mean, and their names. A text's names are those of `x`,
/// `xNEQ`, `xIn`, `xNotIn`.
macro_rules! filter_input {
    (
        $(#[$doc:meta])*
        $input:ident = $name:literal : $condition:ident
        $(; text $text:ident =
            $is:ident $is_name:literal
            $is_not:ident $is_not_name:literal
            $is_in:ident $is_in_name:literal
            $is_not_in:ident $is_not_in_name:literal)*
        $(; edge $edge:ident = $filters:ident : $other:ident)*
    ) => {
        $(#[$doc])*
        #[derive(InputObject)]
        #[graphql(name = $name)]
        pub(super) struct $input {
            not: Option<Box<$input>>,
            and: Option<Vec<$input>>,
            or: Option<Vec<$input>>,
            $(
                #[graphql(name = $is_name)]
                $is: Option<String>,
                #[graphql(name = $is_not_name)]
                $is_not: Option<String>,
                #[graphql(name = $is_in_name)]
                $is_in: Option<Vec<String>>,
                #[graphql(name = $is_not_in_name)]
                $is_not_in: Option<Vec<String>>,
            )*
            $($filters: Option<Vec<$other>>,)*
        }

        impl Where for $input {
            const NAME: &'static str = $name;
            type Condition = $condition;

            fn compile(self, depth: usize) -> Result<Option<Expr<$condition>>, QueryError> {
                let mut conditions = Conditions::new(depth)?;
                conditions.logic(self.not, self.and, self.or)?;
                $(
                    let texts = Texts {
                        is: self.$is,
                        is_not: self.$is_not,
                        is_in: self.$is_in,
                        is_not_in: self.$is_not_in,
                    };
                    conditions.text($condition::$text, texts)?;
                )*
                $(conditions.edge($condition::$edge, self.$filters)?;)*
                Ok(conditions.compiled())
            }
        }
    };
}

filter_input! {
    /// Filters envelopes.
    DsseWhere = "DsseWhereInput": OfDsse
    ; text Gitoid =
        gitoid_sha256 "gitoidSha256"
        gitoid_sha256_neq "gitoidSha256NEQ"
        gitoid_sha256_in "gitoidSha256In"
        gitoid_sha256_not_in "gitoidSha256NotIn"
    ; text PayloadType =
        payload_type "payloadType"
        payload_type_neq "payloadTypeNEQ"
        payload_type_in "payloadTypeIn"
        payload_type_not_in "payloadTypeNotIn"
    ; edge Statement = has_statement_with: StatementWhere
    ; edge Signatures = has_signatures_with: SignatureWhere
    ; edge PayloadDigests = has_payload_digests_with: PayloadDigestWhere
}

filter_input! {
    /// Filters statements.
    StatementWhere = "StatementWhereInput": OfStatement
    ; text Predicate =
        predicate "predicate"
        predicate_neq "predicateNEQ"
        predicate_in "predicateIn"
        predicate_not_in "predicateNotIn"
    ; edge Collection = has_attestation_collections_with: AttestationCollectionWhere
    ; edge Subjects = has_subjects_with: SubjectWhere
    ; edge Dsse = has_dsse_with: DsseWhere
}

filter_input! {
    /// Filters subjects.
    SubjectWhere = "SubjectWhereInput": OfSubject
    ; text Name =
        name "name"
        name_neq "nameNEQ"
        name_in "nameIn"
        name_not_in "nameNotIn"
    ; edge Digests = has_subject_digests_with: SubjectDigestWhere
    ; edge Statement = has_statement_with: StatementWhere
}

filter_input! {
    /// Filters digests of subjects.
    SubjectDigestWhere = "SubjectDigestWhereInput": OfDigest
    ; text Algorithm =
        algorithm "algorithm"
        algorithm_neq "algorithmNEQ"
        algorithm_in "algorithmIn"
        algorithm_not_in "algorithmNotIn"
    ; text Value =
        value "value"
        value_neq "valueNEQ"
        value_in "valueIn"
        value_not_in "valueNotIn"
}

filter_input! {
    /// Filters digests of payloads.
    PayloadDigestWhere = "PayloadDigestWhereInput": OfDigest
    ; text Algorithm =
        algorithm "algorithm"
        algorithm_neq "algorithmNEQ"
        algorithm_in "algorithmIn"
        algorithm_not_in "algorithmNotIn"
    ; text Value =
        value "value"
        value_neq "valueNEQ"
        value_in "valueIn"
        value_not_in "valueNotIn"
}

filter_input! {
    /// Filters attestation collections.
    AttestationCollectionWhere = "AttestationCollectionWhereInput": OfCollection
    ; text Name =
        name "name"
        name_neq "nameNEQ"
        name_in "nameIn"
        name_not_in "nameNotIn"
    ; edge Attestations = has_attestations_with: AttestationWhere
}

filter_input! {
    /// Filters attestations of a collection.
    AttestationWhere = "AttestationWhereInput": OfAttestation
    ; text Type =
        kind "type"
        kind_neq "typeNEQ"
        kind_in "typeIn"
        kind_not_in "typeNotIn"
}

filter_input! {
    /// Filters signatures.
    SignatureWhere = "SignatureWhereInput": OfSignature
    ; text KeyId =
        key_id "keyID"
        key_id_neq "keyIDNEQ"
        key_id_in "keyIDIn"
        key_id_not_in "keyIDNotIn"
    ; text Signature =
        signature "signature"
        signature_neq "signatureNEQ"
        signature_in "signatureIn"
        signature_not_in "signatureNotIn"
}
