//! XML: structure stays, values go.

use expect_test::{Expect, expect};

use super::{KEY, check, content, detecting, show};
use crate::audit::redact::body::{Content, redact};
use crate::audit::redact::notes::Notes;

const XML: &str = "application/xml";

fn check_xml(body: &str, expected: Expect) {
    expected.assert_eq(&show(&content(XML, body.as_bytes()), &detecting()));
}

#[test]
fn harmless_documents_stay_as_they_are() {
    for body in [
        "<a/>",
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone='yes'?>\n<a b = 'c'\n d=\"\" ><e /> x &lt; &#233; <![CDATA[<y>]]></a >\n",
        "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\n  <count>1</count>\n</soap:Body></soap:Envelope>",
        "<caf\u{e9}>\u{e9}t\u{e9}</caf\u{e9}>",
    ] {
        assert_eq!(show(&content(XML, body.as_bytes()), &detecting()), body);
    }
}

#[test]
fn values_are_judged_by_their_names_and_by_themselves() {
    check_xml(
        "<order id=\"7\"><name>Alice</name><password>hunter2</password><mail>a@example.com</mail>\
         <card number=\"4111 1111 1111 1111\" network=\"visa\">x</card><note>pin=1234</note>\
         <a@b/></order>",
        expect![[r#"
            <order id="7"><name>Alice</name><password>***</password><mail>***</mail><card number="***" network="visa">x</card><note>***</note> …
            .order.password Secret Mask 1
            .order.mail Email Mask 1
            .order.card.number PaymentCard Mask 1
            .order.note Secret Mask 1"#]],
    );
    check_xml(
        "<wsse:Security><wsse:UsernameToken wsu:Id='x'><wsse:Username>bob</wsse:Username>\
         <wsse:Password Type='#PasswordText'>hun<!-- c -->te<![CDATA[r]]>&#50;</wsse:Password></wsse:UsernameToken></wsse:Security>",
        expect![[r#"
            <wsse:Security><wsse:UsernameToken wsu:Id='***'><wsse:Username>***</wsse:Username><wsse:Password Type='***'>***</wsse:Password></wsse:UsernameToken></wsse:Security>
            .Security.UsernameToken.Id Secret Mask 1
            .Security.UsernameToken.Username Secret Mask 1
            .Security.UsernameToken.Password.Type Secret Mask 1
            .Security.UsernameToken.Password Secret Mask 1
            .Security.UsernameToken.Password Unlisted Drop 1"#]],
    );
}

#[test]
fn an_attribute_may_name_the_value() {
    check_xml(
        "<a><property name=\"password\" value=\"x\"/><entry key='apiKey'>y</entry>\
         <saml:Attribute Name='email'><v>z</v><v>a@b.example</v></saml:Attribute><p name='size'>1</p></a>",
        expect![[r#"
            <a><property name="password" value="***"/><entry key='apiKey'>***</entry><saml:Attribute Name='email'><v>z</v><v>***</v></saml:Attribute><p name='size'>1</p></a>
            .a.property.value Secret Mask 1
            .a.entry Secret Mask 1
            .a.Attribute.v Email Mask 1"#]],
    );
}

#[test]
fn text_is_judged_as_a_whole() {
    check_xml(
        "<a><b>4111<!-- -->1111<?x y?>1111<![CDATA[1111]]></b><c>a&#x40;example.com</c>\
         <d><![CDATA[{\"password\": \"x\"}]]></d><e> eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln </e></a>",
        expect![[r#"
            <a><b>***</b><c>***</c><d>***</d><e>***</e></a>
            .a.b PaymentCard Mask 1
            .a.c Email Mask 1
            .a.d Secret Mask 1
            .a.e Jwt Mask 1
            .a.b Unlisted Drop 2"#]],
    );
}

#[test]
fn names_that_are_data_are_hidden() {
    check_xml(
        "<a><AKIAIOSFODNN7EXAMPLE>1</AKIAIOSFODNN7EXAMPLE><b AKIAIOSFODNN7EXAMPLE='1' x:AKIAIOSFODNN7EXAMPLE='2'/>\
         <AKIAIOSFODNN7EXAMPLE:c/></a>",
        expect![[r#"
            <a><___>1</___><b ___='1' ___1='2'/><___/></a>
            .a ApiKey Mask 2
            .a.b ApiKey Mask 2"#]],
    );
}

#[test]
fn only_listed_names_are_kept_where_a_list_decides() {
    check(
        "application/soap+xml",
        "<e:a xmlns:e=\"urn:x\"><status>ok</status><name type='x' first='y'>Bob</name><count>12</count><q7x2w9z1/></e:a>",
        &[],
        expect![[r#"
            <e:a xmlns:e="***"><status>ok</status><name type='x' first='***'>***</name><count>12</count><___/></e:a>
            .a.e Unlisted Mask 1
            .a.name.first Unlisted Mask 1
            .a.name Unlisted Mask 1
            .a Unlisted Mask 1"#]],
    );
}

#[test]
fn after_a_fault_nothing_is_written() {
    for (body, kept) in [
        ("<a><b>x</c></a>", "<a><b> …"),
        ("<a>x</a><b/>", "<a>x</a> …"),
        ("<a>x</a>y", "<a>x</a> …"),
        ("<a>&custom;</a>", "<a> …"),
        ("<a b='&custom;'/>", "nothing\n Unlisted Drop 1"),
        ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "nothing\n Unlisted Drop 1"),
        ("<?xml version='1.0'?><!DOCTYPE a><a/>", "<?xml version='1.0'?> …"),
        ("<?xml version='1.0' q7x2='y'?><a/>", "nothing\n Unlisted Drop 1"),
        ("<a><?xml version='1.0'?></a>", "<a> …"),
        ("<a x=1/>", "nothing\n Unlisted Drop 1"),
        ("<a>x", "<a> …"),
        ("<a>x & y</a>", "<a> …"),
        ("<a><!-- x -- y --></a>", "<a> …"),
        ("hello", "nothing\n Unlisted Drop 1"),
        ("{\"a\":1}", "nothing\n Unlisted Drop 1"),
    ] {
        assert_eq!(show(&content(XML, body.as_bytes()), &detecting()), kept, "{body}");
    }
    let deep = ["<a>".repeat(200), "</a>".repeat(200)].concat();
    let kept = show(&content(XML, deep.as_bytes()), &detecting());
    assert_eq!(kept, format!("{} …", "<a>".repeat(128)));
}

#[test]
fn charsets_are_honoured() {
    let body = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>";
    let expected = "<?xml version='1.0' encoding='ISO-8859-1'?><a>\u{e9}</a>";
    assert_eq!(show(&content("text/xml", body), &detecting()), expected);
    assert_eq!(
        show(&content("text/xml; charset=iso-8859-1", b"<a>\xe9</a>"), &detecting()),
        "<a>\u{e9}</a>"
    );
    assert_eq!(show(&content("text/xml", b"<a>x</a><b>\xe9</b>"), &detecting()), "<a>x</a> …");
}

#[test]
fn a_cut_value_is_not_shown() {
    let body = "<a><b c='qx1'>qx2</b><!-- x --><d>qx3</d></a>\n";
    for end in 0..body.len() {
        for cut in [true, false] {
            let content = Content { cut, ..content(XML, &body.as_bytes()[..end]) };
            let mut notes = Notes::default();
            let Some(kept) = redact(&content, &detecting(), KEY, &mut notes) else { continue };
            assert!(kept.truncated != (end + 1 == body.len() && !cut), "{}", &body[..end]);
            for (value, after) in [("qx1", "'>"), ("qx2", "</b>"), ("qx3", "</d>")] {
                let at = body.find(value).unwrap() + value.len() + after.len();
                assert_eq!(kept.text.contains(value), end >= at, "{}", &body[..end]);
            }
        }
    }
}
