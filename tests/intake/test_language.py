"""The language of what was written, for the reply and the classifier."""

import pytest

from intake.reading.language import SHORTEST, detect


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Our production gateway answers 503 since this morning, please help."),
        ("de", "Seit heute Morgen antwortet unser Gateway mit 503, bitte um Hilfe."),
        ("fr", "Notre passerelle répond 503 depuis ce matin, merci de nous aider."),
        ("es", "Nuestra pasarela responde 503 desde esta mañana, necesitamos ayuda."),
        ("it", "Il nostro gateway risponde 503 da questa mattina, abbiamo bisogno di aiuto."),
        ("pt", "O nosso gateway responde 503 desde esta manhã, precisamos de ajuda."),
        ("nl", "Onze gateway antwoordt sinds vanochtend met 503, graag uw hulp."),
        ("pl", "Nasza bramka od rana odpowiada błędem 503, prosimy o pomoc."),
        ("sv", "Vår gateway svarar 503 sedan i morse, vi behöver hjälp."),
        ("ja", "今朝から本番環境のゲートウェイが503を返しています。"),
        ("zh", "从今天早上开始生产环境的网关一直返回503错误。"),
    ],
)
def test_the_language_is_told(language, text):
    """With how sure we are."""
    found, probability = detect(text)
    assert found == language
    assert 0.5 < probability <= 1


@pytest.mark.parametrize("text", ["", "503", "ok", "!" * 500, "12:30 " * 50])
def test_too_little_is_no_language(text):
    """Below a dozen letters no guess is honest."""
    assert detect(text) == (None, 0.0)
    assert SHORTEST > 0


@pytest.mark.parametrize(
    "text", ["zzzzzzzzzzzzzzzz qqqqqqqqqqqqqqq", "https://x.example/orders/list", "com.example.Foo.bar(Foo.java:12)"]
)
def test_what_no_language_claims_is_none(text):
    """A guess that is hardly better than chance says nothing, and an address or a stack trace is no language."""
    assert detect(text) == (None, 0.0)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Danke, geht wieder."), ("en", "Thanks, works again."), ("fr", "Merci, ça marche."),
        ("es", "Gracias, ya funciona."), ("it", "Grazie, ora funziona."), ("pt", "Obrigado, já funciona."),
        ("nl", "Bedankt, het werkt weer."), ("pl", "Dziękuję, działa."), ("sv", "Tack, det fungerar igen."),
        ("da", "Tak, det virker igen."), ("fi", "Kiitos, toimii taas."), ("cs", "Děkuji, už to funguje."),
        ("ru", "Спасибо, работает."), ("tr", "Teşekkürler, çalışıyor."), ("ko", "감사합니다, 됩니다."),
        ("ja", "了解しました"), ("zh", "服务器没有响应"),
    ],
)  # fmt: skip
def test_a_short_answer_is_told_too(language, text):
    """Most answers to a support desk are one sentence."""
    assert detect(text)[0] == language
