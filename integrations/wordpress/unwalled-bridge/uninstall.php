<?php
/**
 * Leaves nothing behind.
 *
 * @package Unwalled
 */

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

delete_option( 'unwalled_bridge' );
