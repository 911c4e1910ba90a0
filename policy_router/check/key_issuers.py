"""The issuer of the key in an environment variable, judged by the name of the variable."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Owner:
    """An issuer of keys.

    Attributes:
        name: The issuer.
        variables: The usual names of environment variables with its key.
        domains: Where the key may be sent.
        providers: LiteLLM's names of the issuer.
        account: Whether the key gives access to the whole account, not only to models.
    """

    name: str
    variables: re.Pattern[str]
    domains: tuple[str, ...]
    providers: tuple[str, ...] = ()
    account: bool = False


def _owner(
    name: str, variables: str, domains: str, providers: str, *, account: bool = False
) -> Owner:
    # Several keys of one provider are often numbered.
    pattern = re.compile(rf"(?:{variables})(?:_(?:[A-Z]|[0-9]{{1,2}}))?")
    return Owner(name, pattern, tuple(domains.split()), tuple(providers.split()), account)


OWNERS: Final = (
    _owner("AWS", r"AWS_[A-Z0-9_]+", "amazonaws.com amazonaws.com.cn api.aws aws.dev",
           "bedrock bedrock_converse sagemaker sagemaker_chat", account=True),
    _owner("Google Cloud", r"GOOGLE_APPLICATION_CREDENTIALS|GCP_[A-Z0-9_]+|VERTEX_CREDENTIALS",
           "googleapis.com google.com", "vertex_ai vertex_ai_beta gemini", account=True),
    _owner("Azure", r"AZURE_CLIENT_SECRET|AZURE_PASSWORD|AZURE_STORAGE_[A-Z_]*KEY",
           "azure.com microsoft.com windows.net azure.us azure.cn", "azure azure_ai", account=True),
    _owner("GitHub", r"(?:GITHUB|GH)_(?:TOKEN|PAT|API_KEY)",
           "github.com githubcopilot.com github.ai githubusercontent.com inference.ai.azure.com",
           "github github_copilot", account=True),
    _owner("GitLab", r"(?:GITLAB|CI_JOB)_(?:TOKEN|PAT)", "gitlab.com", "gitlab", account=True),
    _owner("Cloudflare", r"(?:CLOUDFLARE|CF)_API_(?:TOKEN|KEY)", "cloudflare.com", "cloudflare",
           account=True),
    _owner("a database", r"DATABASE_URL|PGPASSWORD|(?:POSTGRES|MYSQL|REDIS|MONGO)[A-Z_]*_PASSWORD",
           "", "", account=True),
    _owner("Stripe", r"STRIPE_[A-Z_]*KEY", "stripe.com", "", account=True),
    _owner("OpenAI", r"OPENAI_(?:ADMIN_)?(?:API_)?KEY", "openai.com openai.azure.com",
           "openai text-completion-openai"),
    _owner("Azure OpenAI", r"AZURE_(?:OPENAI_|AI_)?(?:API_)?KEY",
           "azure.com microsoft.com azure.us azure.cn", "azure azure_ai azure_text"),
    _owner("Anthropic", r"ANTHROPIC_(?:API_KEY|AUTH_TOKEN)", "anthropic.com claude.com",
           "anthropic anthropic_text"),
    _owner("Google", r"(?:GEMINI|GOOGLE|GOOGLE_AI|PALM)_API_KEY", "googleapis.com google.com",
           "gemini palm vertex_ai vertex_ai_beta"),
    _owner("Groq", r"GROQ_API_KEY", "groq.com", "groq"),
    _owner("OpenRouter", r"(?:OPENROUTER|OR)_API_KEY", "openrouter.ai", "openrouter"),
    _owner("Mistral", r"(?:MISTRAL|CODESTRAL)_API_KEY", "mistral.ai",
           "mistral codestral text-completion-codestral"),
    _owner("DeepSeek", r"DEEPSEEK_API_KEY", "deepseek.com", "deepseek"),
    _owner("xAI", r"XAI_API_KEY", "x.ai", "xai"),
    _owner("Together", r"TOGETHER_?(?:AI)?_(?:API_)?(?:KEY|TOKEN)", "together.xyz together.ai",
           "together_ai"),
    _owner("Cerebras", r"CEREBRAS_API_KEY", "cerebras.ai", "cerebras"),
    _owner("Perplexity", r"PERPLEXITY(?:AI)?_API_KEY", "perplexity.ai", "perplexity"),
    _owner("Cohere", r"(?:COHERE|CO)_API_KEY", "cohere.com cohere.ai", "cohere cohere_chat"),
    _owner("Hugging Face", r"HF_(?:TOKEN|API_KEY)|HUGGING_?FACE_(?:API_KEY|HUB_TOKEN|TOKEN)",
           "huggingface.co hf.space huggingface.cloud", "huggingface"),
    _owner("Fireworks", r"FIREWORKS_?(?:AI)?_API_KEY", "fireworks.ai", "fireworks_ai"),
    _owner("Replicate", r"REPLICATE_API_(?:KEY|TOKEN)", "replicate.com", "replicate"),
    _owner("Databricks", r"DATABRICKS_(?:TOKEN|API_KEY)",
           "databricks.com azuredatabricks.net", "databricks"),
    _owner("NVIDIA", r"NVIDIA_(?:NIM_)?API_KEY", "nvidia.com", "nvidia_nim"),
    _owner("Alibaba Cloud", r"DASHSCOPE_API_KEY", "aliyuncs.com", "dashscope"),
    _owner("Moonshot", r"MOONSHOT_API_KEY", "moonshot.ai moonshot.cn", "moonshot"),
    _owner("SambaNova", r"SAMBANOVA_API_KEY", "sambanova.ai", "sambanova"),
    _owner("DeepInfra", r"DEEPINFRA_API_KEY", "deepinfra.com", "deepinfra"),
    _owner("Voyage", r"VOYAGE_API_KEY", "voyageai.com", "voyage"),
)  # fmt: skip


def owner_of(variable: str) -> Owner | None:
    """Return the issuer of the key in a variable; None when the name does not show it."""
    return next((owner for owner in OWNERS if owner.variables.fullmatch(variable)), None)


def owners_of(provider: str) -> tuple[Owner, ...]:
    """Return the issuers whose keys a provider accepts, by LiteLLM's name for it."""
    return tuple(owner for owner in OWNERS if provider in owner.providers)
