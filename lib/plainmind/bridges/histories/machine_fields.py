"""Fields of other tools' histories that hold no words of a person or a model: data, in one place.

Each was judged by itself. Listed are ids, times, sizes, addresses, names of models and versions,
settings, what a tool derives from its other fields, and copies of what stands elsewhere. A name
stands for the field wherever it is, `parent.name` for the field of that name there. What is not
listed is content, or is counted under its name."""

#: of every tool
EVERYWHERE = """
    id uuid type role timestamp created_at updated_at url mimeType mime_type
"""

#: pi's format: `details` repeats a result for the screen
SESSION = """
    parentId version cwd parentSession branchedFrom provider model modelId api usage stopReason
    toolCallId toolName data textSignature thinkingSignature thoughtSignature responseId
    fullOutputPath firstKeptEntryId fromId thinkingLevel customType details
"""

BY_TOOL = {
    "pi": SESSION,
    # provenance: which session or job of the tool a message came from
    "openclaw": f"{SESSION} provenance idempotencyKey",
    # local: where the file was put; user: an id
    "mom": f"{SESSION} date ts thread_ts local user",
    # toolUseResult: the result again, for the screen; source: bytes of pictures
    "claude": """
        parentUuid logicalParentUuid userType sessionId version cwd gitBranch requestId model
        stop_reason stop_sequence usage container context_management toolUseResult source
        sourceToolAssistantUUID sourceToolUseID permissionMode slug thinkingMetadata agentId
        promptId entrypoint imagePasteIds forkedFrom signature tool_use_id origin commandMode caller
        inference_geo service_tier promptSource interruptedMessageId
    """,
    # finish_details, serialization_metadata …: how an answer was made and is to be shown;
    # content_references and citations point into texts that are there or were of the web
    "chatgpt": """
        mapping children parent current_node conversation_id conversation_template_id gizmo_id
        gizmo_type plugin_ids moderation_results safe_urls blocked_urls default_model_slug
        conversation_origin async_status disabled_tool_ids memory_scope context_scopes
        sugar_item_id voice owner create_time update_time status content_type language
        response_format_name asset_pointer format direction model_slug parent_id request_id
        timestamp_ message_type finish_details serialization_metadata recipient channel author.role
        author.metadata source_analysis_msg_id tether_id textdoc_id gen_id invoked_plugin
        jit_plugin_data system_hints selected_sources reasoning_status classifier_response
        turn_exchange_id request_message_id run_id stream_name cloud_doc_urls citations
        content_references exclusive_key domain
    """,
    "claude-ai": """
        account sender start_timestamp stop_timestamp file_uuid file_kind file_type icon_name
        tool_use_id parent_message_uuid current_leaf_message_uuid flags citations approval_key
        integration_icon_url mcp_server_url preview_url thumbnail_url
        alternative_display_type model project_uuid paprika_mode creator
    """,
    # mentions: whom a text names, by ids; roles: of the guild; emojis: pictures of what is written
    "discord": """
        timestampEdited callEndedTimestamp avatarUrl iconUrl canonicalUrl proxyUrl discriminator
        author.name author.color color roles mentions inlineEmojis categoryId dateRange exportedAt
        thumbnail image images video sourceUrl format imageUrl messageId channelId guildId
        ID Timestamp Attachments
    """,
    # …_id and the rest name files, kinds and who by ids; text repeats text_entities
    # originator, source: which program of Codex's; policies and effort: settings of a turn;
    # replacement_history and retained_context repeat what a compaction kept
    "codex": """
        call_id cwd originator cli_version source model_provider model effort approval_policy
        sandbox_policy git encrypted_content status model_search_state content_item_kinds message_id
        revision turn_trigger response_id multi_agent_version compaction_response_id
        replacement_history retained_context
    """,
    # …Display…, description: a call for the screen; memoryScratchpad: what the client derived
    "gemini": """
        sessionId projectHash startTime lastUpdated kind directories tokens model status $rewindTo
        displayName description renderOutputAsMarkdown resultDisplay memoryScratchpad
        thoughtSignature
    """,
    # title: of a call, for the screen; metadata, snapshot, diffs: what a tool changed, again
    "opencode": """
        sessionID messageID parentID time agent mode model modelID providerID path cost tokens
        finish tools variant summary.diffs callID state.title state.metadata state.time
        state.status state.attachments metadata snapshot reason hash mime source slug version
        directory project_id session_id message_id parent_id workspace_id permission revert
        share_url
    """,
    "claude-memory": "node_type modified originSessionId",
    # date and tier are read, source is the writer's name for itself
    "pi-mind": "date tier source",
    "telegram": """
        date date_unixtime edited edited_unixtime from_id actor_id forwarded_from_id saved_from_id
        reply_to_peer_id via_bot_id media_type file photo thumbnail document_id href
        message_id contact_vcard data dataBase64 text.language currency
    """,
}


def names_of(tool: str) -> frozenset[str]:
    return frozenset(f"{EVERYWHERE} {BY_TOOL.get(tool, '')}".split())
