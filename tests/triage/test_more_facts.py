"""Facts that concern what is lost, what is at fault and what is at risk; and those only people can state."""

import pytest

from triage import facts


def fact(name: str, body: str) -> str | None:
    """The value read for a fact, or None where it is unknown."""
    return next((one.value for one in facts.read("", body) if one.name == name), None)


@pytest.mark.parametrize(
    ("name", "body", "value"),
    [
        ("functionality_lost", "The entire component is unusable for us.", "component"),
        ("functionality_lost", "The entire component is not down.", None),
        ("functionality_lost", "Since noon some of the features are missing.", "partial"),
        ("functionality_lost", "None of our functions are lost.", None),
        ("functionality_lost", "All functions still work.", "no"),
        ("functionality_lost", "Is the whole module down?", None),
        ("functionality_lost", "A mission-critical service is unavailable.", "critical"),
        ("functionality_lost", "A mission-critical service is used by it.", None),
        ("functionality_lost", "If the checkout is completely down, whom do we call?", None),
        ("functionality_lost", "The checkout is completely broken.", "critical"),
        ("functionality_lost", "All our backup jobs fail.", "component"),
        ("functionality_lost", "No invoices are created.", "component"),
        ("functionality_lost", "Maybe all our backups fail.", None),
        ("functionality_lost", "Die geschäftskritische Anwendung ist ausgefallen.", "critical"),
        ("functionality_lost", "Es werden keine Rechnungen mehr erstellt.", "component"),
        ("functionality_lost", "Einige der Funktionen sind gestört.", "partial"),
        ("functionality_lost", "Toutes les sauvegardes échouent.", "component"),
        ("functionality_lost", "Certaines des fonctions sont indisponibles.", "partial"),
        ("functionality_lost", "Un service vital est indisponible.", "critical"),
        ("functionality_lost", "Todas las migraciones fallan.", "component"),
        ("functionality_lost", "El servicio crítico está caído.", "critical"),
        ("functionality_lost", "Nothing about it here.", None),
        ("hardware_at_fault", "It was caused by a disk failure.", "yes"),
        ("hardware_at_fault", "It was not caused by a hardware fault.", "no"),
        ("hardware_at_fault", "The disk was not at fault.", "no"),
        ("hardware_at_fault", "Was it caused by a hardware fault?", None),
        ("hardware_at_fault", "Maybe it was caused by a hardware fault.", None),
        ("hardware_at_fault", "Das wurde verursacht durch Hardwarefehler.", "yes"),
        ("milestone_at_risk", "Our go-live is at risk.", "yes"),
        ("milestone_at_risk", "Our go-live is not at risk.", "no"),
        ("milestone_at_risk", "This threatens our launch.", "yes"),
        ("milestone_at_risk", "Der Meilenstein ist nicht in Gefahr.", "no"),
        ("milestone_at_risk", "L'échéance n'est pas menacée.", None),
        ("milestone_at_risk", "El hito no está en riesgo.", None),
        ("milestone_at_risk", "Is the go-live at risk?", None),
        ("milestone_at_risk", "Our milestone (30 April) is at risk.", "yes"),
        ("milestone_at_risk", "Der Meilenstein ist in Gefahr.", "yes"),
        ("phase", "We are still implementing the integration.", "implementation"),
        ("phase", "We need help during the implementation phase.", None),
        ("phase", "We are not implementing anything.", None),
        ("phase", "We are implementing a workaround.", None),
        ("phase", "The solution is still being implemented.", "implementation"),
        ("phase", "Wir sind noch in der Einführungsphase.", "implementation"),
        ("phase", "Nous sommes encore en phase d'intégration.", "implementation"),
        ("phase", "Todavía estamos implementando la integración.", "implementation"),
        ("phase", "The service is slow.", None),
    ],
)
def test_a_fact_is_read_only_where_it_is_claimed(name: str, body: str, value: str | None):
    """A denial is a no; a question, a doubt and silence leave it unknown."""
    assert fact(name, body) == value


@pytest.mark.parametrize(
    ("name", "body", "value"),
    [
        ("capacity_reduced", "The shop runs in a severely reduced fashion.", "yes"),
        ("capacity_reduced", "It runs with half of the usual throughput.", "yes"),
        ("capacity_reduced", "There is no serious performance degradation.", "no"),
        ("capacity_reduced", "Is a severe slowdown to be expected?", None),
        ("capacity_reduced", "Perhaps it is severely degraded.", None),
        ("capacity_reduced", "It is slow.", None),
        ("capacity_reduced", "Das System ist stark eingeschränkt.", "yes"),
        ("capacity_reduced", "Das System ist nicht stark eingeschränkt.", "no"),
        ("capacity_reduced", "Le service est fortement dégradé.", "yes"),
        ("capacity_reduced", "El servicio está gravemente degradado.", "yes"),
        ("business_impact", "Our operations are severely disrupted.", "severe"),
        ("business_impact", "Our operations are not severely disrupted.", None),
        ("business_impact", "We are losing money.", "severe"),
        ("business_impact", "We could be losing money.", None),
        ("business_impact", "It has a significant impact on our sales.", "significant"),
        ("business_impact", "Has it a significant impact on our sales?", None),
        ("business_impact", "Productivity suffers.", "significant"),
        ("business_impact", "There is no business impact.", "no"),
        ("business_impact", "It does not affect our customers.", "no"),
        ("business_impact", "Unser Betrieb ist massiv gestört.", "severe"),
        ("business_impact", "Es hat erhebliche Auswirkungen auf den Betrieb.", "significant"),
        ("business_impact", "Keine Auswirkungen auf den Betrieb.", "no"),
        ("business_impact", "Notre activité est gravement perturbée.", "severe"),
        ("business_impact", "Aucun impact sur nos clients.", "no"),
        ("business_impact", "El negocio está gravemente afectado.", "severe"),
        ("business_impact", "Sin impacto en el negocio.", "no"),
        ("business_critical", "It is a business-critical service.", "yes"),
        ("business_critical", "It is not business critical.", "no"),
        ("business_critical", "Would you call it business critical?", None),
        ("business_critical", "Die Anwendung ist geschäftskritisch.", "yes"),
        ("business_critical", "Die Anwendung ist nicht geschäftskritisch.", "no"),
        ("business_critical", "C'est critique pour notre activité.", "yes"),
        ("business_critical", "Es crítico para el negocio.", "yes"),
        ("work_continues", "Nobody is blocked.", "yes"),
        ("work_continues", "Our users can still work.", "yes"),
        ("work_continues", "Users can carry on, slowly.", "yes"),
        ("work_continues", "If users can still work, tell us.", None),
        ("work_continues", "Can users still work?", None),
        ("work_continues", "Our users cannot continue.", "no"),
        ("work_continues", "Some can still work, our agents cannot work.", "no"),
        ("work_continues", "Niemand ist blockiert.", "yes"),
        ("work_continues", "Die Kollegen können nicht arbeiten.", "no"),
        ("work_continues", "Personne n'est bloqué.", "yes"),
        ("work_continues", "Ils ne peuvent plus travailler.", "no"),
        ("work_continues", "Los usuarios pueden seguir trabajando.", "yes"),
        ("work_continues", "Los agentes no pueden trabajar.", "no"),
        ("after_restore", "The service fails since we migrated.", "yes"),
        ("after_restore", "It does not start after restoring the backup.", "yes"),
        ("after_restore", "Does it work after the migration?", None),
        ("after_restore", "Nach der Wiederherstellung fehlt alles.", "yes"),
        ("after_restore", "Depuis la migration, rien ne va.", "yes"),
        ("after_restore", "Tras la restauración no arranca.", "yes"),
        ("blocks_provisioning", "It prevents us from deploying.", "yes"),
        ("blocks_provisioning", "We cannot provision any new tenants.", "yes"),
        ("blocks_provisioning", "The rollout is not blocked.", None),
        ("blocks_provisioning", "It is not blocking the rollout.", "no"),
        ("blocks_provisioning", "Unless it blocks the rollout, leave it.", None),
        ("blocks_provisioning", "Der Rollout ist gestoppt.", "yes"),
        ("blocks_provisioning", "Cela bloque les déploiements.", "yes"),
        ("blocks_provisioning", "El despliegue está bloqueado.", "yes"),
        ("recovery_wanted", "Can you help us to restore the containers?", "yes"),
        ("recovery_wanted", "We need assistance with recovering the node.", "yes"),
        ("recovery_wanted", "We do not need help to recover it.", None),
        ("recovery_wanted", "The node has recovered.", None),
        ("recovery_wanted", "Wir brauchen Hilfe bei der Wiederherstellung.", "yes"),
        ("recovery_wanted", "Comment récupérer les conteneurs ?", "yes"),
        ("recovery_wanted", "Necesitamos ayuda para recuperar el nodo.", "yes"),
        ("update_fails", "The update cannot be installed.", "yes"),
        ("update_fails", "We are unable to apply the patch.", "yes"),
        ("update_fails", "If the update cannot be installed, call us.", None),
        ("update_fails", "The update was installed.", None),
        ("update_fails", "Das Update lässt sich nicht installieren.", "yes"),
        ("update_fails", "La mise à jour ne s'installe pas.", "yes"),
        ("update_fails", "La actualización no se puede instalar.", "yes"),
        ("integration_fails", "The integration with the billing tool fails.", "yes"),
        ("integration_fails", "The integration with the billing tool works.", None),
        ("integration_fails", "Is it known that the integration with SAP fails?", None),
        ("integration_fails", "Die Anbindung an das Lager funktioniert nicht.", "yes"),
        ("integration_fails", "L'intégration avec la caisse ne fonctionne plus.", "yes"),
        ("integration_fails", "La integración con la caja no funciona.", "yes"),
    ],
)
def test_what_a_fault_does_to_those_who_work_is_read_only_where_it_is_claimed(name: str, body: str, value: str | None):
    """How bad it is for the business decides a level, so a doubt or a question states nothing."""
    assert fact(name, body) == value


STATED_BY_OTHERS = (
    "product_fault",
    "managed_by_vendor",
    "in_architecture",
    "in_scope",
    "reachable_by_phone",
    "contact_phone_on_file",
)


@pytest.mark.parametrize("name", STATED_BY_OTHERS)
def test_what_no_text_can_tell_is_in_the_vocabulary_and_never_read(name: str):
    """An engineer, an account or the log of calls states it."""
    assert facts.VOCABULARY[name] == {"yes", "no"}
    assert name not in {section.fact for section in facts.lexicon.lexicon().claims}
