//! Request optionality and multiplicity of the types that everything rests on, written down from the tables of
//! TS-0004 7.4.2, 7.4.5, 7.4.6, 7.4.7 and 7.4.8 (release 4: TS-0001) and not from the files.

use std::fmt::Write as _;

use super::super::{Announcement, Attribute, Presence};
use super::table;

/// `short create update multiplicity announcement`, by short name.
fn written(attribute: &Attribute) -> String {
    let presence = |presence| match presence {
        Presence::Mandatory => "M",
        Presence::Optional => "O",
        Presence::NotPermitted => "NP",
    };
    let multiplicity = if attribute.required { "1" } else { "0..1" };
    let list = if attribute.is_list { "(L)" } else { "" };
    let announcement = match attribute.announcement {
        Announcement::None => "NA",
        Announcement::Optional => "OA",
        Announcement::Mandatory => "MA",
    };
    let (create, update) = (presence(attribute.create), presence(attribute.update));
    format!("{} {create} {update} {multiplicity}{list} {announcement}", attribute.short)
}

fn check(root: &str, golden: &str) {
    let mut lines: Vec<_> = table(root).attributes().map(written).collect();
    let mut expected: Vec<_> =
        golden.split(',').map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.sort();
    expected.sort();
    let mut differences = String::new();
    for line in expected.iter().filter(|line| !lines.contains(line)) {
        let _ = write!(differences, "\n- {line}");
    }
    for line in lines.iter().filter(|line| !expected.contains(line)) {
        let _ = write!(differences, "\n+ {line}");
    }
    assert!(differences.is_empty(), "{root}:{differences}");
}

const UNIVERSAL: &str =
    "rn O NP 1 NA, ty NP NP 1 NA, ri NP NP 1 NA, pi NP NP 1 NA, ct NP NP 1 NA, lt NP NP 1 NA";

#[test]
fn container() {
    check(
        "m2m:cnt",
        &format!(
            "{UNIVERSAL}, lbl O O 0..1(L) MA, et O O 1 MA, acpi O O 0..1(L) MA, at O O 0..1(L) NA, aa O O 0..1(L) NA,
             ast O O 0..1 MA, daci O O 0..1(L) OA, st NP NP 1 NA, cr O NP 0..1 NA, cstn O O 0..1 NA, loc O O 0..1 OA,
             mni O O 0..1 OA, mbs O O 0..1 OA, mia O O 0..1 OA, cni NP NP 1 NA, cbs NP NP 1 NA, li NP NP 0..1 OA,
             or O O 0..1 OA, disr O O 0..1 OA"
        ),
    );
}

#[test]
fn content_instance() {
    check(
        "m2m:cin",
        &format!(
            "{UNIVERSAL}, lbl O NP 0..1(L) MA, et O NP 1 NA, at O NP 0..1(L) NA, aa O NP 0..1(L) NA, ast O NP 0..1 MA,
             st NP NP 1 NA, cr O NP 0..1 NA, loc O NP 0..1 OA, cnf O NP 0..1 OA, cs NP NP 1 NA, conr O NP 0..1 OA,
             or O NP 0..1 OA, con M NP 1 OA, dcnt O NP 0..1 NA, dgt O NP 0..1 OA"
        ),
    );
}

#[test]
fn application_entity() {
    check(
        "m2m:ae",
        &format!(
            "{UNIVERSAL}, lbl O O 0..1(L) MA, et O O 1 MA, acpi O O 0..1(L) MA, at O O 0..1(L) NA, aa O O 0..1(L) NA,
             ast O O 0..1 MA, daci O O 0..1(L) OA, cstn O O 0..1 NA, loc O O 0..1 OA, apn O O 0..1 OA, api M NP 1 OA,
             aei NP NP 1 OA, poa O O 0..1(L) OA, or O O 0..1 OA, nl O O 0..1 OA, rr M O 1 OA, csz O O 0..1(L) OA,
             esi O O 0..1 MA, mei O O 0..1 NA, srv M O 0..1(L) MA, regs O O 0..1 OA, trps O O 0..1 OA,
             scp O O 0..1(L) OA, tren O O 0..1 OA, ape O O 0..1(L) OA, tri O O 0..1 NA, trn O O 0..1 NA"
        ),
    );
}

#[test]
fn subscription() {
    check(
        "m2m:sub",
        &format!(
            "{UNIVERSAL}, lbl O O 0..1(L) MA, et O O 1 MA, acpi O O 0..1(L) MA, daci O O 0..1(L) OA, cr O NP 0..1 NA,
             cstn O O 0..1 NA, enc O O 0..1 NA, exc O O 0..1 NA, nu M O 1(L) NA, gpi O O 0..1 NA, nfu O O 0..1 NA,
             bn O O 0..1 NA, rl O O 0..1 NA, psn O NP 0..1 NA, pn O O 0..1 NA, nsp O O 0..1 NA, ln O O 0..1 NA,
             nct O O 1 NA, nec O O 0..1 NA, su O NP 0..1 NA, acrs O O 0..1(L) NA, nse O O 0..1 NA,
             nsi NP NP 0..1(L) NA, eeno O O 0..1 NA, ma O O 0..1 NA"
        ),
    );
}

#[test]
fn access_control_policy() {
    check(
        "m2m:acp",
        &format!(
            "{UNIVERSAL}, lbl O O 0..1(L) MA, et O O 1 MA, at O O 0..1(L) NA, aa O O 0..1(L) NA, ast O O 0..1 MA,
             pv M O 1 MA, pvs M O 1 MA, adri O O 0..1(L) MA, apri O O 0..1(L) MA, airi O O 0..1(L) MA"
        ),
    );
}

#[test]
fn announced_container() {
    check(
        "m2m:cntA",
        &format!(
            "{UNIVERSAL}, lbl O O 0..1(L) NA, et O O 1 NA, acpi O O 0..1(L) NA, ast O O 0..1 NA, daci O O 0..1(L) NA,
             lnk M O 1 NA, loc O O 0..1 OA, mni O O 0..1 OA, mbs O O 0..1 OA, mia O O 0..1 OA, li O O 0..1 OA,
             or O O 0..1 OA, disr O O 0..1 OA"
        ),
    );
}

#[test]
fn group() {
    check(
        "m2m:grp",
        &format!(
            "{UNIVERSAL}, lbl O O 0..1(L) MA, et O O 1 MA, acpi O O 0..1(L) MA, at O O 0..1(L) NA, aa O O 0..1(L) NA,
             ast O O 0..1 MA, daci O O 0..1(L) OA, cr O NP 0..1 NA, cstn O O 0..1 NA, mt O NP 1 OA, spty O NP 0..1 OA,
             cnm NP NP 1 OA, mnm M O 1 OA, mid M O 1(L) OA, macp O O 0..1(L) OA, mtv NP NP 0..1 OA, csy O NP 1 OA,
             gn O O 0..1 OA, ssi NP NP 0..1 OA, nar O O 0..1 OA"
        ),
    );
}

#[test]
fn request() {
    check(
        "m2m:req",
        "rn NP NP 1 NA, ty NP NP 1 NA, ri NP NP 1 NA, pi NP NP 1 NA, ct NP NP 1 NA, lt NP NP 1 NA, lbl NP NP 0..1(L) MA,
         et NP NP 1 MA, acpi NP O 0..1(L) MA, daci NP O 0..1(L) OA, cstn O O 0..1 NA, op NP NP 1 NA, tg NP NP 1 NA,
         org NP NP 1 NA, rid NP NP 1 NA, mi NP NP 1 NA, pc NP NP 0..1 NA, rs NP NP 1 NA, ors NP NP 1 NA",
    );
}

#[test]
fn time_series() {
    check(
        "m2m:ts",
        &format!(
            "{UNIVERSAL}, lbl O O 0..1(L) MA, et O O 1 MA, acpi O O 0..1(L) MA, at O O 0..1(L) NA, aa O O 0..1(L) NA,
             ast O O 0..1 MA, daci O O 0..1(L) OA, cr O NP 0..1 NA, cstn O O 0..1 NA, loc O O 0..1 OA, mni O O 0..1 OA,
             mbs O O 0..1 OA, mia O O 0..1 OA, cni NP NP 1 NA, cbs NP NP 1 NA, pei O O 0..1 OA, peid O O 0..1 OA,
             mdd O O 0..1 NA, mdn O O 0..1 OA, mdlt NP NP 0..1(L) NA, mdc NP NP 1 NA, mdt O O 0..1 OA, or O O 0..1 OA,
             cnf O NP 0..1 OA"
        ),
    );
    check(
        "m2m:tsi",
        &format!(
            "{UNIVERSAL}, lbl O NP 0..1(L) MA, et O NP 1 NA, at O NP 0..1(L) NA, aa O NP 0..1(L) NA, ast O NP 0..1 MA,
             cr O NP 0..1 NA, loc O NP 0..1 OA, dgt M NP 1 OA, con M NP 1 OA, snr O NP 0..1 OA, cs NP NP 1 NA"
        ),
    );
}

#[test]
fn cross_resource_subscription() {
    check(
        "m2m:crs",
        &format!(
            "{UNIVERSAL}, lbl O O 0..1(L) MA, et O O 1 MA, acpi O O 0..1(L) MA, daci O O 0..1(L) OA, cr O NP 0..1 NA,
             cstn O O 0..1 NA, rrat O NP 0..1(L) NA, srat O NP 0..1(L) NA, rrats NP NP 0..1(L) NA, twt M O 1 NA,
             tws M O 1 NA, encs O NP 0..1 NA, nec O NP 0..1 NA, exc O O 0..1 NA, nu M O 1(L) NA, su O NP 0..1 NA,
             eem O O 0..1 NA, nse O O 0..1 NA, nsi NP NP 0..1(L) NA"
        ),
    );
}
